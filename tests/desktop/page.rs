//! The real web page in the real window, driven over WebDriver.

use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::app::{free_port, http};
use super::session::{Running, Session, app};

/// The name WebDriver gives an element.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

pub(crate) struct Page {
    http: reqwest::Client,
    session: String,
    driver: Running,
}

impl Page {
    /// Starts the app, with its window, under WebDriver.
    pub(crate) async fn open(session: &Session) -> Self {
        let port = free_port();
        let mut command = session.command("WebKitWebDriver");
        command.arg(format!("--port={port}")).env("TAURI_WEBVIEW_AUTOMATION", "true");
        let driver = Running(command.stdout(Stdio::null()).spawn().unwrap());
        let (http, base) = (http(), format!("http://127.0.0.1:{port}"));
        let options = json!({ "binary": app(), "args": [] });
        let wanted = json!({ "capabilities": { "alwaysMatch": { "webkitgtk:browserOptions": options } } });
        let limit = Instant::now() + Duration::from_secs(30);
        let answer: Value = loop {
            match http.post(format!("{base}/session")).body(wanted.to_string()).send().await {
                Ok(answer) => break serde_json::from_str(&answer.text().await.unwrap()).unwrap(),
                Err(error) => assert!(Instant::now() < limit, "{error}"),
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        };
        let id = answer["value"]["sessionId"].as_str().unwrap_or_else(|| panic!("{answer}"));
        Self { http, session: format!("{base}/session/{id}"), driver }
    }

    /// The process of the driver, whose child is the app.
    pub(crate) fn driver(&self) -> u32 {
        self.driver.0.id()
    }

    async fn ask(&self, path: &str, body: Value) -> Result<Value, Value> {
        let sent = self.http.post(format!("{}{path}", self.session)).body(body.to_string()).send().await;
        let text = sent.map_err(|error| json!(error.to_string()))?.text().await.unwrap_or_default();
        let answer: Value = serde_json::from_str(&text).map_err(|_| json!(text))?;
        let value = answer["value"].clone();
        if value["error"].is_string() { Err(value) } else { Ok(value) }
    }

    /// Waits for the element of an XPath.
    async fn element(&self, xpath: &str) -> String {
        let limit = Instant::now() + Duration::from_secs(25);
        loop {
            let found = self.ask("/element", json!({ "using": "xpath", "value": xpath })).await;
            match &found {
                Ok(element) => return element[ELEMENT].as_str().unwrap_or_else(|| panic!("{found:?}")).to_owned(),
                Err(error) if Instant::now() > limit => {
                    panic!("waited in vain for {xpath}: {error}\n{}", self.text().await)
                }
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
    }

    pub(crate) async fn wait_for(&self, xpath: &str) {
        self.element(xpath).await;
    }

    pub(crate) async fn click(&self, xpath: &str) {
        let limit = Instant::now() + Duration::from_secs(25);
        loop {
            let element = self.element(xpath).await;
            match self.ask(&format!("/element/{element}/click"), json!({})).await {
                // The page was drawn anew in between.
                Err(error) if error["error"] == "stale element reference" && Instant::now() < limit => {}
                clicked => return drop(clicked.unwrap()),
            }
        }
    }

    /// Types into a field; `\n` is the enter key.
    pub(crate) async fn type_into(&self, xpath: &str, text: &str) {
        let element = self.element(xpath).await;
        let text = text.replace('\n', "\u{e007}");
        self.ask(&format!("/element/{element}/value"), json!({ "text": text })).await.unwrap();
    }

    /// Picks from a list as a user would: the page hears a change.
    pub(crate) async fn pick(&self, xpath: &str, value: &str) {
        let element = self.element(xpath).await;
        // What is picked is asked before the page hears of it: it may draw the list anew, in another language.
        let script = "const [list, value] = arguments; list.value = value; const picked = list.value;
            list.dispatchEvent(new Event('change', { bubbles: true })); return picked;";
        let picked =
            self.ask("/execute/sync", json!({ "script": script, "args": [{ ELEMENT: element }, value] })).await;
        assert_eq!(picked.unwrap(), value);
    }

    pub(crate) async fn run(&self, script: &str) -> Value {
        self.ask("/execute/sync", json!({ "script": script, "args": [] })).await.unwrap()
    }

    /// Goes to a page of the window.
    pub(crate) async fn go(&self, page: &str) {
        self.run(&format!("location.hash = '#/{page}'; return true")).await;
    }

    pub(crate) async fn text(&self) -> String {
        let text = self.ask("/execute/sync", json!({ "script": "return document.body.innerText", "args": [] })).await;
        text.map_or_else(|error| error.to_string(), |text| text.as_str().unwrap_or_default().to_owned())
    }
}
