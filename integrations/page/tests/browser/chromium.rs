//! A headless Chromium, told what to do over its debugging pipe: JSON messages that end in a zero byte.

use serde_json::{Value, json};
use std::cell::RefCell;
use std::env;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

/// How long anything may take before it has failed: generous, for machines that do much else.
const PATIENCE: Duration = Duration::from_secs(60);

/// One tab of a browser of its own, which ends with the test.
pub(crate) struct Browser {
    child: Child,
    profile: PathBuf,
    messages: Receiver<Value>,
    state: RefCell<State>,
}

struct State {
    pipe: ChildStdin,
    last: u64,
    session: Option<Value>,
    events: Vec<Value>,
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.profile);
    }
}

impl Browser {
    pub(crate) fn start() -> Self {
        static PROFILES: AtomicU32 = AtomicU32::new(0);
        // Relaxed: only the numbers have to differ.
        let number = PROFILES.fetch_add(1, Ordering::Relaxed);
        let name = format!("epoch-metrics-page-{}-{number}", std::process::id());
        let profile = env::temp_dir().join(name);
        // Chromium reads its orders from descriptor 3 and writes to 4; a shell puts the pipes there.
        let mut child = Command::new("sh")
            .args([
                "-c",
                "exec \"$@\" 3<&0 4>&1 </dev/null >/dev/null 2>&1",
                "sh",
            ])
            .args([
                "chromium",
                "--headless=new",
                "--no-sandbox",
                "--disable-gpu",
            ])
            .args(["--disable-dev-shm-usage", "--no-first-run"])
            .arg("--remote-debugging-pipe")
            .arg(format!("--user-data-dir={}", profile.display()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a shell starts");
        let pipe = child.stdin.take().expect("it is piped");
        let mut output = BufReader::new(child.stdout.take().expect("it is piped"));
        let (sender, messages) = channel();
        thread::spawn(move || {
            let mut message = Vec::new();
            while output
                .read_until(0, &mut message)
                .is_ok_and(|read| read > 0)
            {
                message.pop();
                let parsed = serde_json::from_slice(&message).expect("Chromium writes JSON");
                if sender.send(parsed).is_err() {
                    return;
                }
                message.clear();
            }
        });
        let state = RefCell::new(State {
            pipe,
            last: 0,
            session: None,
            events: Vec::new(),
        });
        let browser = Self {
            child,
            profile,
            messages,
            state,
        };
        let target = browser.call("Target.createTarget", json!({"url": "about:blank"}));
        let attach = json!({"targetId": target["targetId"], "flatten": true});
        let session = browser.call("Target.attachToTarget", attach)["sessionId"].clone();
        browser.state.borrow_mut().session = Some(session);
        for domain in ["Runtime", "Log", "Network", "Page"] {
            browser.call(&format!("{domain}.enable"), json!({}));
        }
        browser
    }

    /// Calls a method of the DevTools protocol, and returns its result.
    pub(crate) fn call(&self, method: &str, params: Value) -> Value {
        let mut state = self.state.borrow_mut();
        state.last += 1;
        let mut message = json!({"id": state.last, "method": method, "params": params});
        if let Some(session) = &state.session {
            message["sessionId"] = session.clone();
        }
        let bytes = format!("{message}\0");
        let sent = state.pipe.write_all(bytes.as_bytes());
        sent.expect("Chromium reads");
        loop {
            let answer = self.messages.recv_timeout(PATIENCE);
            let mut answer = answer.unwrap_or_else(|error| panic!("{method}: {error}"));
            if answer["id"] == state.last {
                assert!(answer["error"].is_null(), "{method}: {answer}");
                return answer["result"].take();
            }
            if answer["method"].is_string() {
                state.events.push(answer);
            }
        }
    }

    pub(crate) fn open(&self, url: &str) {
        self.call("Page.navigate", json!({"url": url}));
    }

    /// The width of the window in CSS pixels, as on a phone if it is narrow.
    pub(crate) fn resize(&self, width: u32, height: u32) {
        let mobile = width < 600;
        self.call(
            "Emulation.setDeviceMetricsOverride",
            json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": mobile}),
        );
    }

    pub(crate) fn prefer(&self, scheme: &str) {
        let features = json!([{"name": "prefers-color-scheme", "value": scheme}]);
        self.call("Emulation.setEmulatedMedia", json!({"features": features}));
    }

    pub(crate) fn press(&self, key: &str) {
        let code = match key {
            "Tab" => 9,
            "Enter" => 13,
            _ => 0,
        };
        let text = if key == "Enter" { "\r" } else { "" };
        for kind in ["keyDown", "keyUp"] {
            let mut event =
                json!({"type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code});
            if kind == "keyDown" && !text.is_empty() {
                event["text"] = text.into();
            }
            self.call("Input.dispatchKeyEvent", event);
        }
    }

    pub(crate) fn write(&self, text: &str) {
        self.call("Input.insertText", json!({"text": text}));
    }

    /// The value of a JavaScript expression, or what it throws.
    fn evaluate(&self, expression: &str) -> Result<Value, String> {
        let result = self.call(
            "Runtime.evaluate",
            json!({"expression": expression, "awaitPromise": true, "returnByValue": true}),
        );
        match &result["exceptionDetails"] {
            Value::Null => Ok(result["result"]["value"].clone()),
            thrown => Err(thrown.to_string()),
        }
    }

    /// The value of a JavaScript expression that does not throw.
    pub(crate) fn value(&self, expression: &str) -> Value {
        let value = self.evaluate(expression);
        value.unwrap_or_else(|thrown| panic!("{expression}: {thrown}"))
    }

    /// Waits until an expression is true. Before the page is there it may throw.
    pub(crate) fn wait_until(&self, expression: &str) {
        let started = Instant::now();
        loop {
            let found = self.evaluate(expression);
            if found == Ok(Value::Bool(true)) {
                return;
            }
            assert!(
                started.elapsed() < PATIENCE,
                "{expression} stays {found:?}; the page: {:?}",
                self.evaluate("document.body.innerText.slice(0, 500)")
            );
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// The addresses that were asked for.
    pub(crate) fn requested(&self) -> Vec<String> {
        self.value("0");
        let state = self.state.borrow();
        let requests = state
            .events
            .iter()
            .filter(|event| event["method"] == "Network.requestWillBeSent");
        let urls = requests.filter_map(|event| event["params"]["request"]["url"].as_str());
        urls.map(str::to_owned).collect()
    }

    /// What the browser wrote to its console and log: errors, warnings, violations of the policy, uncaught exceptions, dialogs.
    pub(crate) fn complaints(&self) -> Vec<String> {
        self.value("0");
        let state = self.state.borrow();
        let complains = |event: &&Value| {
            let method = event["method"].as_str();
            method.is_some_and(|method| {
                method.starts_with("Runtime.exception")
                    || [
                        "Runtime.consoleAPICalled",
                        "Log.entryAdded",
                        "Page.javascriptDialogOpening",
                    ]
                    .contains(&method)
            })
        };
        let events = state.events.iter().filter(complains);
        events.map(Value::to_string).collect()
    }
}
