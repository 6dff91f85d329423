//! How far probes go: nothing intrusive leaves this machine unless the target is stated and shown to be ours, and no credential is
//! kept or shown, whatever a target answers with.

use std::{
    fs,
    sync::{Arc, Mutex},
};

use super::support::{
    Ran, Sandbox,
    small::{check, product, states},
};

#[allow(dead_code, unreachable_pub, reason = "a part of what the tests of another room use")]
#[path = "../../generator/probe/src/testing.rs"]
pub(super) mod server;

const KEY: &str = "ck_live_0123456789ABCDEFGHJKMNPQRS";

/// A product with one intrusive check of the target at `url`.
fn intrusive(url: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    let asked =
        "target = \"api\"\nroute = \"list\"\nplaces = [{ query = \"url\" }]\nlisten = \"127.0.0.1:0\"\nwait = \"0 seconds\"";
    let configuration =
        format!("[targets.api]\nurl = \"{url}\"\nallow = [\"intrusive\"]\n[targets.api.routes.list]\ncall = \"GET /v1/items\"");
    product(&sandbox, &[check("calls-nobody", "http.ssrf", "operate", asked)], &configuration);
    sandbox
}

/// Where requests went, in their order.
type Paths = Arc<Mutex<Vec<String>>>;

/// A server that answers everything with 200, and at the path of proofs with what is told later; the paths that it was asked for.
fn serve() -> (u16, Arc<Mutex<String>>, Paths) {
    let (proof, paths) = (Arc::new(Mutex::new(String::new())), Arc::new(Mutex::new(Vec::new())));
    let (shown, asked) = (Arc::clone(&proof), Arc::clone(&paths));
    let at = server::serve(server::Caps::NONE, move |got| {
        asked.lock().unwrap().push(got.path.clone());
        if got.path == "/.well-known/avouch-probe" {
            (200, vec![], shown.lock().unwrap().clone())
        } else {
            server::json(200, "{}")
        }
    });
    (at.port(), proof, paths)
}

/// The line that a target must show, as it was printed.
fn line(said: &str) -> String {
    let from = said.find("avouch-probe=").unwrap_or_else(|| panic!("no line in {said}"));
    said[from..].chars().take_while(|character| *character != '`').collect()
}

fn stands(ran: &Ran) -> String {
    states(ran).remove("calls-nobody").expect("the check")
}

#[test]
fn what_is_intrusive_leaves_this_machine_only_for_what_is_stated_and_shown_to_be_ours() {
    let (port, proof, paths) = serve();
    let taken = || std::mem::take(&mut *paths.lock().unwrap());
    // It leads here, and is no address of the loopback network.
    let sandbox = intrusive(&format!("http://0.0.0.0:{port}"));
    let json = ["check", "--format", "json"];
    let owned = ["check", "--format", "json", "--i-own-this"];

    let unstated = sandbox.avouch(&json).exits(3);
    assert_eq!(stands(&unstated), "error");
    assert!(unstated.stderr.contains("give the command `--i-own-this`"), "{}", unstated.stderr);
    assert_eq!(taken(), [""; 0]);

    let unproven = sandbox.avouch(&owned).exits(3);
    assert_eq!(stands(&unproven), "error");
    assert!(
        unproven.stderr.contains(&format!("let http://0.0.0.0:{port}/.well-known/avouch-probe answer")),
        "{}",
        unproven.stderr
    );
    assert_eq!(taken(), ["/.well-known/avouch-probe"]);

    // What the doctor prints is what must be shown; asking for it needs no statement.
    let doctor = sandbox.avouch(&["doctor"]).exits(3);
    assert_eq!(line(&doctor.stdout), line(&unproven.stderr));
    *proof.lock().unwrap() = format!("{}\n", line(&doctor.stdout));
    let doctor = sandbox.avouch(&["doctor"]).exits(0);
    assert!(doctor.stdout.contains("shows that it is yours"), "{}", doctor.stdout);
    assert_eq!(stands(&sandbox.avouch(&json).exits(3)), "error", "shown, and not stated");
    taken();

    assert_eq!(stands(&sandbox.avouch(&owned).exits(0)), "pass");
    let paths = taken();
    assert_eq!(paths.iter().filter(|path| *path == "/.well-known/avouch-probe").count(), 1, "{paths:?}");
    assert!(paths.len() > 2, "{paths:?}");
}

#[test]
fn a_line_of_another_log_shows_nothing() {
    let (port, proof, _) = serve();
    let sandbox = intrusive(&format!("http://0.0.0.0:{port}"));
    *proof.lock().unwrap() = line(&sandbox.avouch(&["doctor"]).exits(3).stdout);
    let owned = ["check", "--format", "json", "--i-own-this"];
    assert_eq!(stands(&sandbox.avouch(&owned).exits(0)), "pass");
    // Another log begins where the same target is configured.
    fs::remove_dir_all(sandbox.path().join(".avouch")).unwrap();
    sandbox.file("avouch.toml", sandbox.read("avouch.toml").replace("small.example/1", "small.example/2"));
    assert_eq!(stands(&sandbox.avouch(&owned).exits(3)), "error");
}

#[test]
fn what_is_on_this_machine_needs_neither() {
    let (port, _, paths) = serve();
    let sandbox = intrusive(&format!("http://127.0.0.1:{port}"));
    assert_eq!(stands(&sandbox.avouch(&["check", "--format", "json"]).exits(0)), "pass");
    assert!(!paths.lock().unwrap().iter().any(|path| path.contains("well-known")));
    sandbox.avouch(&["doctor"]).exits(0);
}

#[test]
fn a_dry_run_tells_of_the_proof_and_the_statement() {
    let (port, _, paths) = serve();
    let sandbox = intrusive(&format!("http://0.0.0.0:{port}"));
    let unstated = sandbox.avouch(&["check", "--dry-run"]).exits(0).stdout;
    let proof = "passive GET /.well-known/avouch-probe as nobody, once in a run, at api\n";
    assert!(unstated.contains("intrusive GET /v1/items as nobody") && unstated.contains(proof), "{unstated}");
    assert!(unstated.contains("Nothing intrusive is sent to api without --i-own-this."), "{unstated}");
    let stated = sandbox.avouch(&["check", "--dry-run", "--i-own-this"]).exits(0).stdout;
    assert!(stated.contains(proof) && !stated.contains("--i-own-this"), "{stated}");
    assert_eq!(*paths.lock().unwrap(), [""; 0]);
}

#[test]
fn a_target_that_answers_with_the_credential_it_was_sent_does_not_get_it_into_what_is_kept_or_shown() {
    let at = server::serve(server::Caps::NONE, |got| {
        let sent = got.header("authorization").replace("Bearer ", "");
        server::json(200, format!("{{\"id\":1,\"key {sent}\":\"{sent}\"}}"))
    });
    let sandbox = Sandbox::new();
    let asked = "target = \"api\"\nroute = \"list\"\nprincipal = \"a\"\nallowed = [\"/id\"]";
    let configuration = format!(
        "[targets.api]\nurl = \"http://{at}\"\nallow = [\"active\"]\n[targets.api.principals.a]\nvalue = \"Bearer ${{PROBE_A}}\"\n\
         [targets.api.routes.list]\ncall = \"GET /v1/items\""
    );
    product(&sandbox, &[check("closed", "http.body-schema", "operate", asked)], &configuration);
    let ran = sandbox.avouch_with(&["check", "--bundle", "bundle.json"], &[("PROBE_A", KEY)]).exits(1);
    let kept = sandbox.read("bundle.json");
    for (name, text) in [("standard output", &ran.stdout), ("standard error", &ran.stderr), ("the bundle", &kept)] {
        assert!(!text.contains(&KEY[8..KEY.len() - 4]), "{name}: {text}");
    }
    assert!(ran.stderr.contains("key (credential of a)") && kept.contains("key (credential of a)"), "{}", ran.stderr);
}
