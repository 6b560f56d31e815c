// The life of a secret with the AWS SDK for Go v2. Prints what it found as one line of JSON.
// Everything about the server comes from the environment, as `strongroom env` prints it.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
)

type found struct {
	Value     string   `json:"value"`
	Bytes     []byte   `json:"bytes"`
	Stages    []string `json:"stages"`
	Current   string   `json:"current"`
	Listed    []string `json:"listed"`
	Batch     []string `json:"batch"`
	Missing   string   `json:"missing"`
	Taken     bool     `json:"taken"`
	Marked    string   `json:"marked"`
	Restored  string   `json:"restored"`
	Password  int      `json:"password"`
	Accessed  bool     `json:"accessed"`
	Unrotated bool     `json:"unrotated"`
}

func must[T any](answer T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return answer
}

func main() {
	ctx := context.Background()
	client := secretsmanager.NewFromConfig(must(config.LoadDefaultConfig(ctx, config.WithRetryMaxAttempts(1))))
	name := aws.String("go/db-creds")
	var told found

	made := must(client.CreateSecret(ctx, &secretsmanager.CreateSecretInput{Name: name, SecretString: aws.String("first")}))
	read := must(client.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: made.ARN}))
	told.Value, told.Stages = *read.SecretString, read.VersionStages
	must(client.CreateSecret(ctx, &secretsmanager.CreateSecretInput{Name: aws.String("go/bytes"), SecretBinary: []byte{0, 1, 255}}))
	told.Bytes = must(client.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: aws.String("go/bytes")})).SecretBinary

	put := must(client.PutSecretValue(ctx, &secretsmanager.PutSecretValueInput{SecretId: name, SecretString: aws.String("second")}))
	shown := must(client.DescribeSecret(ctx, &secretsmanager.DescribeSecretInput{SecretId: name}))
	told.Current = shown.VersionIdsToStages[*put.VersionId][0]
	told.Accessed = shown.LastAccessedDate != nil && shown.LastAccessedDate.Hour() == 0

	pages := secretsmanager.NewListSecretsPaginator(client, &secretsmanager.ListSecretsInput{
		MaxResults: aws.Int32(1),
		Filters:    []types.Filter{{Key: types.FilterNameStringTypeName, Values: []string{"go/"}}},
	})
	for pages.HasMorePages() {
		for _, one := range must(pages.NextPage(ctx)).SecretList {
			told.Listed = append(told.Listed, *one.Name)
		}
	}
	batch := must(client.BatchGetSecretValue(ctx, &secretsmanager.BatchGetSecretValueInput{SecretIdList: []string{*name, "go/never"}}))
	told.Batch = []string{*batch.SecretValues[0].SecretString, *batch.Errors[0].ErrorCode}

	_, err := client.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: aws.String("go/never")})
	var missing *types.ResourceNotFoundException
	if errors.As(err, &missing) {
		told.Missing = missing.ErrorMessage()
	}
	_, err = client.CreateSecret(ctx, &secretsmanager.CreateSecretInput{Name: name, SecretString: aws.String("x")})
	var taken *types.ResourceExistsException
	told.Taken = errors.As(err, &taken)
	_, err = client.RotateSecret(ctx, &secretsmanager.RotateSecretInput{SecretId: name})
	var state *types.InvalidRequestException
	told.Unrotated = errors.As(err, &state)

	must(client.DeleteSecret(ctx, &secretsmanager.DeleteSecretInput{SecretId: name, RecoveryWindowInDays: aws.Int64(7)}))
	_, err = client.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: name})
	if errors.As(err, &state) {
		told.Marked = state.ErrorMessage()
	}
	must(client.RestoreSecret(ctx, &secretsmanager.RestoreSecretInput{SecretId: name}))
	told.Restored = *must(client.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: name})).SecretString
	told.Password = len(*must(client.GetRandomPassword(ctx, &secretsmanager.GetRandomPasswordInput{})).RandomPassword)
	for _, each := range told.Listed {
		must(client.DeleteSecret(ctx, &secretsmanager.DeleteSecretInput{SecretId: aws.String(each), ForceDeleteWithoutRecovery: aws.Bool(true)}))
	}
	fmt.Println(string(must(json.Marshal(told))))
}
