"""Signing in and out, the password, and one's own sessions."""

from __future__ import annotations

from strongroom.console import guard
from strongroom.console.desk import Claim, NotSignedIn
from strongroom.console.visit import Refused, Reply, Visit

_WRONG = "Your authentication information is incorrect. Please try again."
_EXPIRED = "Your password has expired. An administrator of your account must set another one."


def home(visit: Visit) -> Reply:
    """The first page."""
    return visit.go(visit.url("secrets"))


def sign_in_page(visit: Visit) -> Reply:
    """The form."""
    said = {"over": "Your session has ended. Please sign in again.", "out": "You have signed out."}
    said["changed"] = "Your password was changed. Please sign in with the new one."
    told = next((text for word, text in said.items() if visit.asked(word)), None)
    return visit.page("sign_in.html", wrong=None, told=told, account="", user="", by_key=False)


def sign_in(visit: Visit) -> Reply:
    """Sign in: a new session, whatever cookie the browser had."""
    by_key = visit.field("with") == "key"
    claim = Claim(
        account=visit.field("account"),
        user=visit.field("user"),
        secret=visit.raw("secret_key" if by_key else "password"),
        code=visit.field("code"),
        access_key_id=visit.field("access_key_id") or "-" if by_key else "",
    )
    scheme = "https" if visit.secure else "http"
    desk = visit.house.desk
    try:
        cookie = desk.sign_in(
            claim,
            visit.source,
            region=visit.house.region,
            login_to=f"{scheme}://{visit.source.host}/console",
            former=guard.cookie_of(visit.request, secure=visit.secure),
        )
    except NotSignedIn as refused:
        wrong = _EXPIRED if refused.expired else _WRONG
        return visit.page(
            "sign_in.html", status=403, wrong=wrong, told=None, account=claim.account, user=claim.user, by_key=by_key
        )
    return Reply("", 303, {"location": "/console", "set-cookie": guard.set_cookie(cookie, secure=visit.secure)})


def sign_out(visit: Visit) -> Reply:
    """End this session, or all of the user's."""
    if visit.field("everywhere"):
        visit.house.desk.sign_out_everywhere(visit.who)
    else:
        visit.house.desk.sign_out(visit.who)
    cookie = guard.set_cookie("", secure=visit.secure)
    return Reply("", 303, {"location": "/console/sign-in?out=1", "set-cookie": cookie})


def password_page(visit: Visit) -> Reply:
    """The form for another password."""
    return visit.page("password.html", wrong=None, refusal=None)


def password(visit: Visit) -> Reply:
    """Change one's own password, as anybody may who is allowed iam:ChangePassword. It ends all sessions."""
    new = visit.raw("new")
    if new != visit.raw("again"):
        return visit.page("password.html", status=400, wrong="The two new passwords are not the same.", refusal=None)
    try:
        visit.ask("iam", "ChangePassword", OldPassword=visit.raw("old"), NewPassword=new)
    except Refused as refusal:
        return visit.page("password.html", status=400, wrong=None, refusal=refusal)
    visit.house.desk.sign_out_everywhere(visit.who)
    cookie = guard.set_cookie("", secure=visit.secure)
    return Reply("", 303, {"location": "/console/sign-in?changed=1", "set-cookie": cookie})


def sessions(visit: Visit) -> Reply:
    """Where one is signed in."""
    return visit.page("sessions.html", sessions=visit.house.desk.sessions(visit.who), now=visit.now)


OPEN = (
    ("GET", "/console/sign-in", sign_in_page),
    ("POST", "/console/sign-in", sign_in),
)
SIGNED_IN = (
    ("GET", "/console", home),
    ("GET", "/console/", home),
    ("POST", "/console/sign-out", sign_out),
    ("GET", "/console/password", password_page),
    ("POST", "/console/password", password),
    ("GET", "/console/sessions", sessions),
)
