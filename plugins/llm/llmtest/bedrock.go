package llmtest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// bedrock is the InvokeModel operation of Amazon Bedrock with a model of Anthropic.
type bedrock struct{ anthropic }

func (bedrock) base() string { return "" }

func (bedrock) parse(r *http.Request, into *Request) string {
	escaped, ok := strings.CutPrefix(r.URL.EscapedPath(), "/model/")
	escaped, operation := strings.CutSuffix(escaped, "/invoke")
	model, err := url.PathUnescape(escaped)
	if !ok || !operation || err != nil || strings.ContainsAny(escaped, "/:") {
		return "no such path"
	}
	var in struct {
		Version string `json:"anthropic_version"`
		claudeRequest
	}
	if wrong := strictly(into.Body, &in); wrong != "" {
		return wrong
	}
	if in.Version != "bedrock-2023-05-31" {
		return "anthropic_version: field required"
	}
	into.Model = model
	return in.understand(into)
}

// bears signs the request again and compares. The region and the time are those that the request names.
func (bedrock) bears(r *http.Request, body []byte, key string) bool {
	given := r.Header.Get("Authorization")
	at, err := time.Parse("20060102T150405Z", r.Header.Get("X-Amz-Date"))
	scope := strings.Split(given, "/") // AWS4-HMAC-SHA256 Credential=ACCESS/DATE/REGION/bedrock/aws4_request, …
	if err != nil || len(scope) != 5 || time.Since(at).Abs() > 5*time.Minute {
		return false
	}
	again, err := http.NewRequestWithContext(context.Background(), r.Method, "http://"+r.Host+r.URL.EscapedPath(), bytes.NewReader(body))
	if err != nil {
		return false
	}
	_, signed, _ := strings.Cut(given, "SignedHeaders=")
	signed, _, _ = strings.Cut(signed, ",")
	for name := range strings.SplitSeq(signed, ";") {
		if value := r.Header.Values(name); name != "host" && name != "content-length" {
			again.Header[http.CanonicalHeaderKey(name)] = value
		}
	}
	parts := append(strings.Split(key, ":"), "", "")
	credentials := aws.Credentials{AccessKeyID: parts[0], SecretAccessKey: parts[1], SessionToken: parts[2]}
	sum := sha256.Sum256(body)
	err = v4.NewSigner().SignHTTP(context.Background(), credentials, again, hex.EncodeToString(sum[:]), "bedrock", scope[2], at)
	return err == nil && again.Header.Get("Authorization") == given
}
