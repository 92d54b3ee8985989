package page

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"regexp"
	"testing"
	"time"
)

// browser is a session with a browser, driven over the WebDriver protocol (https://www.w3.org/TR/webdriver2/).
type browser struct {
	t       *testing.T
	session string // address
	client  *http.Client
}

// elementKey is how the protocol names an element.
const elementKey = "element-6066-11e4-a52e-4f735466cecf"

// open starts chromedriver and a browser without a window, which ends with the test. No name of a host resolves in it.
func open(t *testing.T, chromium string) *browser {
	t.Helper()
	driver, err := exec.LookPath("chromedriver")
	if err != nil {
		t.Skip("no chromedriver in PATH (Debian: chromium-driver)")
	}
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, driver, "--port=0")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		_ = cmd.Wait() // it is killed
	})
	b := &browser{t: t, client: &http.Client{Timeout: time.Minute}}
	b.session = "http://127.0.0.1:" + portOf(t, out)
	var created struct{ SessionID string }
	b.call(http.MethodPost, "/session", map[string]any{"capabilities": map[string]any{"alwaysMatch": map[string]any{
		"browserName":       "chrome",
		"goog:loggingPrefs": map[string]string{"browser": "ALL"},
		"goog:chromeOptions": map[string]any{
			"binary": chromium,
			"args": []string{
				"--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--window-size=1280,900",
				"--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", "--disable-background-networking", "--disable-component-update",
			},
		},
	}}}, &created)
	b.session += "/session/" + created.SessionID
	t.Cleanup(func() { b.call(http.MethodDelete, "", nil, nil) })
	b.cdp("Network.enable", map[string]any{})
	b.cdp("Network.emulateNetworkConditions", map[string]any{"offline": true, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1})
	return b
}

// portOf waits for chromedriver to say where it listens, and reads on so that it is never held up.
func portOf(t *testing.T, out io.Reader) string {
	t.Helper()
	lines := bufio.NewScanner(out)
	started := regexp.MustCompile(`started successfully on port (\d+)`)
	for lines.Scan() {
		if m := started.FindStringSubmatch(lines.Text()); m != nil {
			go func() { _, _ = io.Copy(io.Discard, out) }()
			return m[1]
		}
	}
	t.Fatal("chromedriver did not start")
	return ""
}

// call sends a command and decodes its value.
func (b *browser) call(method, path string, body, into any) {
	b.t.Helper()
	if err := b.try(method, path, body, into); err != nil {
		b.t.Fatalf("%s %s: %v", method, path, err)
	}
}

func (b *browser) try(method, path string, body, into any) error {
	raw := []byte("{}")
	if body != nil {
		var err error
		if raw, err = json.Marshal(body); err != nil {
			return err
		}
	}
	req, err := http.NewRequestWithContext(context.Background(), method, b.session+path, bytes.NewReader(raw))
	if err != nil {
		return err
	}
	resp, err := b.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	var answer struct{ Value json.RawMessage }
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		var problem struct{ Error, Message string }
		if err := json.Unmarshal(answer.Value, &problem); err != nil {
			return errors.New(resp.Status)
		}
		return fmt.Errorf("%s: %s", problem.Error, problem.Message)
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal(answer.Value, into)
}

// cdp sends a command of the Chrome DevTools protocol.
func (b *browser) cdp(command string, parameters map[string]any) map[string]any {
	b.t.Helper()
	var result map[string]any
	b.call(http.MethodPost, "/goog/cdp/execute", map[string]any{"cmd": command, "params": parameters}, &result)
	return result
}

func (b *browser) visit(url string) {
	b.t.Helper()
	b.call(http.MethodPost, "/url", map[string]any{"url": url}, nil)
}

// run runs the body of a function in the page and returns what it does.
func run[T any](b *browser, script string, arguments ...any) (result T) {
	b.t.Helper()
	if arguments == nil {
		arguments = []any{}
	}
	b.call(http.MethodPost, "/execute/sync", map[string]any{"script": script, "args": arguments}, &result)
	return result
}

// elements are those that a CSS selector finds.
func (b *browser) elements(selector string) []string {
	b.t.Helper()
	var found []map[string]string
	b.call(http.MethodPost, "/elements", map[string]any{"using": "css selector", "value": selector}, &found)
	ids := make([]string, len(found))
	for i, f := range found {
		ids[i] = f[elementKey]
	}
	return ids
}

// element is the first of them.
func (b *browser) element(selector string) string {
	b.t.Helper()
	found := b.elements(selector)
	if len(found) == 0 {
		b.t.Fatalf("the page has no %s", selector)
	}
	return found[0]
}

func (b *browser) click(element string) {
	b.t.Helper()
	run[any](b, `arguments[0].scrollIntoView({block: "center", behavior: "instant"})`, map[string]string{elementKey: element})
	b.call(http.MethodPost, "/element/"+element+"/click", nil, nil)
}

// press sends keys to what has the focus. Named keys have codes of their own in the protocol.
func (b *browser) press(keys ...string) {
	b.t.Helper()
	var actions []map[string]any
	for _, k := range keys {
		actions = append(actions, map[string]any{"type": "keyDown", "value": k}, map[string]any{"type": "keyUp", "value": k})
	}
	b.act(map[string]any{"type": "key", "id": "keyboard", "actions": actions})
}

const (
	keyTab   = "\ue004"
	keyEnter = "\ue007"
	keyRight = "\ue014"
)

// pointer moves the mouse through places of the window; with down, its button is pressed between the first and the last.
func (b *browser) pointer(down bool, places ...[2]float64) {
	b.t.Helper()
	var actions []map[string]any
	for i, at := range places {
		actions = append(actions, map[string]any{"type": "pointerMove", "duration": 0, "x": int(at[0]), "y": int(at[1])})
		if down && i == 0 {
			actions = append(actions, map[string]any{"type": "pointerDown", "button": 0})
		}
	}
	if down {
		actions = append(actions, map[string]any{"type": "pointerUp", "button": 0})
	}
	b.act(map[string]any{"type": "pointer", "id": "mouse", "parameters": map[string]string{"pointerType": "mouse"}, "actions": actions})
}

func (b *browser) act(source map[string]any) {
	b.t.Helper()
	b.call(http.MethodPost, "/actions", map[string]any{"actions": []any{source}}, nil)
}

// logged are the messages of the console since it was last asked for them.
func (b *browser) logged() (messages []string) {
	b.t.Helper()
	var entries []struct{ Level, Message string }
	b.call(http.MethodPost, "/se/log", map[string]any{"type": "browser"}, &entries)
	for _, e := range entries {
		messages = append(messages, e.Level+": "+e.Message)
	}
	return messages
}

// window gives the page a width and height in pixels; dark and print are as people set them.
func (b *browser) window(width, height int, dark bool, media string) {
	b.t.Helper()
	b.cdp("Emulation.setDeviceMetricsOverride", map[string]any{"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600})
	scheme := "light"
	if dark {
		scheme = "dark"
	}
	b.cdp("Emulation.setEmulatedMedia", map[string]any{"media": media, "features": []any{
		map[string]string{"name": "prefers-color-scheme", "value": scheme}, map[string]string{"name": "prefers-reduced-motion", "value": "reduce"},
	}})
}

// picture is the whole page as PNG.
func (b *browser) picture() []byte {
	b.t.Helper()
	return b.decoded(b.cdp("Page.captureScreenshot", map[string]any{"format": "png", "captureBeyondViewport": true}))
}

// view is what the window shows, as PNG.
func (b *browser) view() []byte {
	b.t.Helper()
	return b.decoded(b.cdp("Page.captureScreenshot", map[string]any{"format": "png"}))
}

// paper is the page as it is printed on A4, as PDF.
func (b *browser) paper() []byte {
	b.t.Helper()
	return b.decoded(b.cdp("Page.printToPDF", map[string]any{"paperWidth": 8.27, "paperHeight": 11.69, "printBackground": true}))
}

func (b *browser) decoded(answer map[string]any) []byte {
	b.t.Helper()
	text, _ := answer["data"].(string)
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(raw) == 0 {
		b.t.Fatalf("no picture: %v", err)
	}
	return raw
}
