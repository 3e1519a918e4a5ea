//! A browser: it keeps cookies, and shows with every change the token that came last, as the portal's pages do.

use crate::client::{Answer, Client};
use axum::body::Body;
use http::{Method, Request};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

const TOKEN: &str = "x-harbor-csrf-token";
const FORM: &str = "application/x-www-form-urlencoded";

/// Somebody in front of a browser. Clones are windows of the same one.
#[derive(Clone)]
pub struct Browser {
    client: Client,
    jar: Arc<Mutex<Jar>>,
}

#[derive(Clone, Default)]
struct Jar {
    cookies: BTreeMap<String, String>,
    token: String,
}

impl Browser {
    /// A new browser at the door of this client.
    pub fn at(client: &Client) -> Self {
        Self { client: client.without_credentials(), jar: Arc::default() }
    }

    /// The same browser, with all it keeps, at the door of another replica.
    pub fn moved_to(&self, client: &Client) -> Self {
        Self { client: client.without_credentials(), jar: Arc::clone(&self.jar) }
    }

    /// Another browser that keeps what this one keeps now.
    pub fn copy(&self) -> Self {
        let jar = self.jar.lock().unwrap().clone();
        Self { client: self.client.clone(), jar: Arc::new(Mutex::new(jar)) }
    }

    /// A cookie that it keeps; empty when it keeps none of that name.
    pub fn cookie(&self, name: &str) -> String {
        self.jar.lock().unwrap().cookies.get(name).cloned().unwrap_or_default()
    }

    /// Puts a cookie there, or with an empty value takes it away.
    pub fn set_cookie(&self, name: &str, value: &str) {
        let cookies = &mut self.jar.lock().unwrap().cookies;
        if value.is_empty() {
            cookies.remove(name);
        } else {
            cookies.insert(name.to_owned(), value.to_owned());
        }
    }

    /// The token that came last.
    pub fn token(&self) -> String {
        self.jar.lock().unwrap().token.clone()
    }

    /// Puts another token in its place.
    pub fn set_token(&self, token: &str) {
        token.clone_into(&mut self.jar.lock().unwrap().token);
    }

    /// Opens the portal, and logs in on its form.
    pub async fn log_in(&self, name: &str, password: &str) -> Answer {
        self.get("/api/v2.0/systeminfo").await;
        self.form("/c/login", &[("principal", name), ("password", password)]).await
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.request(Method::GET, path, &[], "").await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.request(Method::DELETE, path, &[], "").await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.request(Method::POST, path, &[("content-type", "application/json")], body.to_string()).await
    }

    pub async fn put(&self, path: &str, body: &Value) -> Answer {
        self.request(Method::PUT, path, &[("content-type", "application/json")], body.to_string()).await
    }

    /// Sends a form.
    pub async fn form(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let escape = |text: &str| -> String { text.bytes().map(|byte| format!("%{byte:02X}")).collect() };
        let pairs: Vec<String> =
            fields.iter().map(|(name, value)| format!("{}={}", escape(name), escape(value))).collect();
        self.request(Method::POST, path, &[("content-type", FORM)], pairs.join("&")).await
    }

    /// Sends a request with what the browser adds to it, and keeps what comes back.
    pub async fn request(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Body>,
    ) -> Answer {
        let is_safe = matches!(method, Method::GET | Method::HEAD);
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let jar = self.jar.lock().unwrap().clone();
        for (name, value) in &jar.cookies {
            request = request.header("cookie", format!("{name}={value}"));
        }
        if !is_safe && !jar.token.is_empty() {
            request = request.header(TOKEN, &jar.token);
        }
        let answer = self.client.send(request.body(body.into()).unwrap()).await;
        self.keep(&answer);
        answer
    }

    fn keep(&self, answer: &Answer) {
        let mut jar = self.jar.lock().unwrap();
        if let Some(token) = answer.headers.get(TOKEN) {
            token.to_str().unwrap().clone_into(&mut jar.token);
        }
        for line in answer.headers.get_all("set-cookie") {
            let line = line.to_str().unwrap();
            let (name, value) = line.split(';').next().unwrap().split_once('=').unwrap();
            if line.contains("Max-Age=0") {
                jar.cookies.remove(name);
            } else {
                jar.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
    }
}
