"""Ready-made rotation: code that runs inside a function's process, on nothing but boto3 and one driver.

It is packed into a zip by ``strongroom rotation enable`` and imports nothing else of Strongroom.
"""
