import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import software.amazon.awssdk.core.SdkBytes;
import software.amazon.awssdk.services.secretsmanager.SecretsManagerClient;
import software.amazon.awssdk.services.secretsmanager.model.FilterNameStringType;
import software.amazon.awssdk.services.secretsmanager.model.InvalidRequestException;
import software.amazon.awssdk.services.secretsmanager.model.ResourceExistsException;
import software.amazon.awssdk.services.secretsmanager.model.ResourceNotFoundException;

/**
 * The life of a secret with the AWS SDK for Java v2. Prints what it found, one "name=value" a line.
 * Everything about the server comes from the environment, as {@code strongroom env} prints it.
 */
public final class Tour {
    private static void tell(String name, Object value) {
        System.out.println(name + "=" + value);
    }

    public static void main(String[] arguments) {
        try (SecretsManagerClient client = SecretsManagerClient.create()) {
            String name = "java/db-creds";
            String arn = client.createSecret(r -> r.name(name).secretString("first")).arn();
            var read = client.getSecretValue(r -> r.secretId(arn));
            tell("value", read.secretString());
            tell("stages", read.versionStages());
            byte[] bytes = {0, 1, (byte) 255};
            client.createSecret(r -> r.name("java/bytes").secretBinary(SdkBytes.fromByteArray(bytes)));
            byte[] back = client.getSecretValue(r -> r.secretId("java/bytes")).secretBinary().asByteArray();
            tell("bytes", Arrays.equals(bytes, back));

            String put = client.putSecretValue(r -> r.secretId(name).secretString("second")).versionId();
            Map<String, List<String>> stages = client.describeSecret(r -> r.secretId(name)).versionIdsToStages();
            tell("current", stages.get(put));

            List<String> listed = new ArrayList<>();
            client.listSecretsPaginator(r -> r.maxResults(1)
                    .filters(f -> f.key(FilterNameStringType.NAME).values("java/")))
                .forEach(page -> page.secretList().forEach(one -> listed.add(one.name())));
            tell("listed", listed);
            var batch = client.batchGetSecretValue(r -> r.secretIdList(name, "java/never"));
            tell("batch", batch.secretValues().get(0).secretString() + "," + batch.errors().get(0).errorCode());

            try {
                client.getSecretValue(r -> r.secretId("java/never"));
            } catch (ResourceNotFoundException error) {
                tell("missing", error.awsErrorDetails().errorMessage());
            }
            try {
                client.createSecret(r -> r.name(name).secretString("x"));
            } catch (ResourceExistsException error) {
                tell("taken", error.statusCode());
            }
            Instant due = client.deleteSecret(r -> r.secretId(name).recoveryWindowInDays(7L)).deletionDate();
            tell("days", Math.round(Duration.between(Instant.now(), due).toHours() / 24.0));
            try {
                client.getSecretValue(r -> r.secretId(name));
            } catch (InvalidRequestException error) {
                tell("marked", error.awsErrorDetails().errorMessage());
            }
            client.restoreSecret(r -> r.secretId(name));
            tell("restored", client.getSecretValue(r -> r.secretId(name)).secretString());
            tell("password", client.getRandomPassword(r -> r.passwordLength(20L)).randomPassword().length());
            for (String each : listed) {
                client.deleteSecret(r -> r.secretId(each).forceDeleteWithoutRecovery(true));
            }
        }
    }
}
