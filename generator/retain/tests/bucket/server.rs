//! An S3 of this test's own (moto), and what the test itself does in its bucket.
#![allow(dead_code, reason = "each test uses its own part")]

use std::{
    collections::BTreeMap,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::Mutex,
};

use avouch_model::product::{Action, Archive, Bucket};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{Value, json};

const BUCKET: &str = "cold.example";
/// The id of the key, and its secret.
pub(crate) const KEY: [&str; 2] = ["THE-ID-OF-THE-KEY", "the-secret-of-the-key"];
const PYTHON: &str = "target/test-tools/python/bin/python";

/// The bucket at this port; the environment holds its keys.
pub(crate) fn bucket(port: u16) -> Bucket {
    Bucket {
        name: BUCKET.into(),
        endpoint: format!("http://127.0.0.1:{port}"),
        region: "eu-central-1".into(),
        access_key_env: "AVOUCH_TEST_ID".into(),
        secret_key_env: "AVOUCH_TEST_SECRET".into(),
        session_token_env: None,
        ca_file: None,
    }
}

/// What a rule does whose rows are archived in the bucket beneath this prefix.
pub(crate) fn archived_in(bucket: Bucket, prefix: &str) -> Action {
    Action::Archive(Archive::Objects { bucket, prefix: prefix.into() })
}

pub(crate) struct Server {
    child: Child,
    asked: Mutex<Option<(ChildStdin, BufReader<ChildStdout>)>>,
    pub(crate) port: u16,
}

impl Server {
    pub(crate) fn start() -> Self {
        let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap();
        let python = workspace.join(PYTHON);
        assert!(python.exists(), "there is no `{PYTHON}`: run tests/setup.sh first");
        let mut command = Command::new(python);
        command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bucket/serve.py")).args(KEY);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (to, mut from) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        let mut line = String::new();
        from.read_line(&mut line).unwrap();
        Self { child, asked: Mutex::new(Some((to, from))), port: line.trim().parse().unwrap() }
    }

    fn ask(&self, question: &Value) -> Value {
        let mut asked = self.asked.lock().unwrap();
        let (to, from) = asked.as_mut().unwrap();
        writeln!(to, "{question}").unwrap();
        let mut line = String::new();
        from.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap()
    }

    /// What the key may do from now on.
    pub(crate) fn may(&self, actions: &[&str]) {
        let words: Vec<_> = ["may"].iter().chain(actions).collect();
        self.ask(&json!(words));
    }

    /// The port of the same store behind TLS, with files of a certificate and its key.
    pub(crate) fn tls(&self, certificate: &Path, key: &Path) -> u16 {
        u16::try_from(self.ask(&json!(["tls", certificate, key])).as_u64().unwrap()).unwrap()
    }

    pub(crate) fn put(&self, name: &str, bytes: &[u8]) {
        self.ask(&json!(["put", name, BASE64_STANDARD.encode(bytes)]));
    }

    /// The objects of one scenario, but for the mark.
    pub(crate) fn objects(&self, prefix: &str) -> BTreeMap<String, Vec<u8>> {
        let found = self.ask(&json!(["list", format!("{prefix}/")]));
        let found = found.as_object().unwrap().iter().filter(|(name, _)| !name.ends_with("/written-once"));
        found.map(|(name, body)| (name.clone(), BASE64_STANDARD.decode(body.as_str().unwrap()).unwrap())).collect()
    }

    /// The lines of these objects.
    pub(crate) fn lines(&self, prefix: &str) -> Vec<String> {
        let mut text = String::new();
        for packed in self.objects(prefix).values() {
            ruzstd::decoding::StreamingDecoder::new(&packed[..]).unwrap().read_to_string(&mut text).unwrap();
        }
        text.lines().map(str::to_owned).collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It ends when nobody can write to it any more.
        drop(self.asked.lock().unwrap().take());
        self.child.wait().unwrap();
    }
}
