//! Pipelines as people write them, and as nobody should.

use proptest::prelude::*;

use super::*;

const TEXT: &str = "on:\n  push:\n    tags: ['v*']\n  release:\njobs:\n  build:\n    steps:\n      - uses: actions/checkout@v4\n\
                    \x20     - run: make sbom\n  publish:\n    needs: build\n    if: ${{ false }}\n    continue-on-error: true\n    steps: []\n";

fn read(text: &str) -> Workflow {
    parse("w.yml", text.as_bytes()).unwrap()
}

#[test]
fn events_jobs_and_steps_are_read() {
    let workflow = read(TEXT);
    assert_eq!(workflow.events().into_iter().collect::<Vec<_>>(), ["push", "push:tags", "release"]);
    let [build, publish] = &workflow.jobs[..] else { panic!() };
    assert_eq!(build.steps[1].run.as_ref().unwrap().text, "make sbom");
    assert!(!build.off && !build.may_fail && publish.off && publish.may_fail);
    assert_eq!(publish.needs, ["build"]);
    assert_eq!(workflow.source.position(build.steps[0].uses.as_ref().unwrap().span.start), (8, 15));
}

#[test]
fn triggers_have_three_spellings() {
    for on in ["on: push", "on: [push]", "on:\n  push:", "\"on\": push"] {
        assert!(read(&format!("{on}\njobs: {{}}")).events().contains("push"), "{on}");
    }
    let error = parse("w.yml", b"true:\n  push:\njobs: {}").unwrap_err().to_string();
    assert!(error.contains("YAML 1.1"), "{error}");
}

#[test]
fn only_a_full_commit_or_a_digest_is_pinned() {
    let is_pinned = |what: &str| Uses { what: what.into(), span: 0..0 }.is_pinned();
    let commit = "a".repeat(40);
    let digest = "0".repeat(64);
    assert!(is_pinned("./.github/actions/x") && is_pinned(&format!("a/b/c@{commit}")));
    assert!(is_pinned(&format!("docker://alpine@sha256:{digest}")));
    for what in ["a/b@v4", "a/b@main", "a/b", "docker://alpine:3", &format!("a/b@{}", &commit[1..])] {
        assert!(!is_pinned(what), "{what}");
    }
}

#[test]
fn permissions_are_told_apart() {
    let granted = |text: &str| read(&format!("on: push\n{text}\njobs: {{}}")).permissions.granted;
    assert_eq!(granted(""), Granted::Unsaid);
    assert_eq!(granted("permissions: read-all"), Granted::ReadAll);
    assert_eq!(granted("permissions: write-all"), Granted::WriteAll);
    assert_eq!(granted("permissions: {}"), Granted::Listed(vec![]));
    let Granted::Listed(listed) = granted("permissions:\n  contents: read\n  packages: write") else { panic!() };
    assert_eq!(
        listed.iter().map(|(name, write, _)| (name.as_str(), *write)).collect::<Vec<_>>(),
        [("contents", false), ("packages", true)]
    );
}

#[test]
fn secrets_are_named_where_they_are_seen() {
    let workflow = read(
        "on: push\njobs:\n  a:\n    env:\n      T: ${{ secrets.TOP }}\n    steps:\n      - run: x\n        env: { A: \"${{ secrets['one'] || '' }}\", G: \
         \"${{ secrets.GITHUB_TOKEN }}\" }\n      - uses: a/b@v1\n        with: { t: \"${{ secrets.TWO }}\" }\n  b:\n    uses: o/r/.github/workflows/x.yml@v1\n    secrets: inherit\n",
    );
    let names = |secrets: &[Text]| secrets.iter().map(|one| one.text.clone()).collect::<Vec<_>>();
    assert_eq!(names(&workflow.jobs[0].secrets), ["TOP"]);
    assert_eq!(names(&workflow.jobs[0].steps[0].secrets), ["ONE"]);
    assert_eq!(names(&workflow.jobs[0].steps[1].secrets), ["TWO"]);
    assert!(workflow.jobs[1].hands_on_secrets);
}

#[test]
fn a_condition_that_never_holds_switches_off() {
    for never in ["false", "${{ false }}", "github.event_name == 'release'", "success() && false"] {
        let workflow = read(&format!("on: push\njobs:\n  a:\n    if: {never}\n    steps: []"));
        assert!(workflow.jobs[0].off, "{never}");
    }
    for empty in ["{ a: [] }", "{ include: [] }", "{ a: [1, 2], exclude: [{ a: 1 }, { a: 2 }] }"] {
        let workflow = read(&format!("on: push\njobs:\n  a:\n    strategy: {{ matrix: {empty} }}\n    steps: []"));
        assert!(workflow.jobs[0].off, "{empty}");
    }
    for full in ["{ a: [1] }", "{ a: [1], include: [{ b: 1 }] }", "{ a: [1, 2], exclude: [{ a: 1 }] }", "'${{ fromJSON(x) }}'"] {
        let workflow = read(&format!("on: push\njobs:\n  a:\n    strategy: {{ matrix: {full} }}\n    steps: []"));
        assert!(!workflow.jobs[0].off, "{full}");
    }
    for open in ["always()", "github.event_name == 'push'", "github.ref == 'refs/heads/x'"] {
        let workflow = read(&format!("on: push\njobs:\n  a:\n    if: {open}\n    steps: []"));
        assert!(!workflow.jobs[0].off, "{open}");
    }
    let tags =
        "on: { push: { tags: ['v*'] } }\njobs:\n  a:\n    steps:\n      - { run: x, if: \"github.ref == 'refs/heads/main'\" }";
    assert!(read(tags).jobs[0].steps[0].off, "releases are made of tags");
    let called = read("on: workflow_call\njobs:\n  a:\n    if: github.event_name == 'push'\n    steps: []");
    assert!(!called.jobs[0].off, "the caller's event is not known");
}

#[test]
fn anchors_are_followed_and_merge_keys_are_refused_as_github_does() {
    let workflow = read("on: push\njobs:\n  a: &a\n    steps:\n      - run: make\n  b: *a\n");
    assert_eq!(workflow.jobs[1].steps[0].run.as_ref().unwrap().text, "make");
    assert!(parse("w.yml", b"on: push\njobs:\n  a: &a\n    steps: []\n  b:\n    <<: *a\n").is_err());
}

#[test]
fn an_action_is_read_with_its_steps() {
    let action = parse_action(
        "action.yml",
        b"name: x\ninputs:\n  Who: { default: y }\nruns:\n  using: composite\n  steps:\n    - run: echo ${{ inputs.who }}\n      shell: bash\n",
    )
    .unwrap();
    assert_eq!(action.jobs[0].steps[0].shell.as_deref(), Some("bash"));
    assert_eq!(action.inputs.get("who"), Some(&false));
    let image = parse_action("action.yml", b"runs:\n  using: docker\n  image: docker://alpine:3").unwrap();
    assert!(!image.jobs[0].uses.as_ref().unwrap().is_pinned());
}

const GITLAB: &str = "
stages: [test]
variables: { A: 1 }
.base: &base
  before_script: [npm ci]
  rules:
    - if: $CI_PIPELINE_SOURCE == \"merge_request_event\"
    - if: $CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH
audit:
  extends: .base
  script:
    - npm audit --audit-level=high
merged:
  <<: *base
  script: npm test
  allow_failure: true
referring:
  script:
    - !reference [.base, before_script]
    - make
off:
  script: x
  when: never
deploy:
  script: wrangler deploy
  when: manual
  environment: { name: production }
  rules: [{ if: $CI_COMMIT_TAG, when: manual }]
include:
  - project: a/b
    ref: main
    file: x.yml
  - local: /ci/y.yml
  - remote: https://example.com/z.yml
";

#[test]
fn a_pipeline_of_gitlab_is_read_into_the_same_nouns() {
    let pipeline = parse_gitlab(".gitlab-ci.yml", GITLAB.as_bytes()).unwrap();
    let job = |id: &str| pipeline.jobs.iter().find(|job| job.id == id).unwrap();
    let lines = |id: &str| job(id).steps.iter().map(|step| step.run.as_ref().unwrap().text.clone()).collect::<Vec<_>>();
    assert_eq!(lines("audit"), ["npm ci", "npm audit --audit-level=high"]);
    assert_eq!(lines("merged"), ["npm ci", "npm test"]);
    assert_eq!(lines("referring"), ["npm ci", "make"]);
    let events = |id: &str| job(id).triggers.iter().flatten().map(|one| one.event.clone()).collect::<Vec<_>>();
    // A schedule, and one who starts it by hand, run on a branch too.
    assert_eq!(events("audit"), ["pull_request", "push", "schedule", "workflow_dispatch"]);
    assert!(job("merged").may_fail && job("off").off && job("deploy").manual && !job("audit").off && !job("audit").may_fail);
    assert_eq!(job("deploy").environment.as_ref().unwrap().text, "production");
    let pinned: Vec<_> = pipeline.includes.iter().map(Uses::is_pinned).collect();
    assert_eq!(pinned, [false, true, false]);
    let place = pipeline.source.position(job("merged").steps[1].span.start);
    assert_eq!(place, (15, 11), "places are those of the text as it is");
}

#[test]
fn what_is_no_workflow_is_refused() {
    assert!(parse("w.yml", b"a: 1").unwrap_err().to_string().contains("`on`"));
    assert!(parse("w.yml", b"on: push").unwrap_err().to_string().contains("`jobs`"));
    assert!(parse("w.yml", b"on: push\non: pull_request\njobs: {}").unwrap_err().to_string().contains("twice"));
    assert!(parse("w.yml", &vec![b' '; 1024 * 1024 + 1]).is_err());
    assert!(parse_gitlab(".gitlab-ci.yml", b"- a").is_err());
    assert!(parse_action("action.yml", b"name: x").unwrap_err().to_string().contains("`runs`"));
}

#[test]
fn hostile_shapes_end_soon() {
    let looping = "a:\n  extends: b\n  script: x\nb:\n  extends: a\n  script: y\n".to_owned()
        + &(0..200).map(|at| format!("c{at}:\n  extends: [a, b, a, b]\n  script: z\n")).collect::<String>();
    assert!(parse_gitlab(".gitlab-ci.yml", looping.as_bytes()).is_ok());
    let fences = format!("on: push\njobs:\n  a:\n    steps:\n      - run: \"{}\"", "${{ a }} ${{".repeat(60_000));
    assert!(parse("w.yml", fences.as_bytes()).is_ok());
    let odd = "on: {push: [1, {a: b}], x: null}\njobs:\n  a: 1\n  b: [x]\n  c: {steps: {a: b}, needs: {a: b}, if: [x], permissions: [x], env: x, with: 1}\n";
    assert_eq!(read(odd).jobs.len(), 3);
}

proptest! {
    #[test]
    fn any_text_is_read_without_harm(text in "(on|jobs|steps|run|uses|if|needs|push|script|rules|extends|<<|&a|\\*a|[a-c:{}\\[\\], \n'\"$|>-]){0,60}") {
        for path in ["w.yml", "action.yml", ".gitlab-ci.yml"] {
            if let Ok(workflow) = parse_any(path, text.as_bytes()) {
                for job in &workflow.jobs {
                    prop_assert!(workflow.source.text.get(job.span.clone()).is_some());
                }
            }
        }
    }
}

#[test]
fn scripts_that_nobody_writes_end_soon() {
    use shell::{Script, Shell};
    for piece in ["a;", "(a;", "if a;", "a && exit 0\n", "$(a ", "{ a;", "a || ", "<<E ", "'", "for x in "] {
        let script = Script::parse(&piece.repeat(1_000_000 / piece.len()));
        for place in (0..script.commands.len()).step_by(97) {
            let _ = script.unheard(place, Shell::ACTIONS);
        }
    }
    let references = "a:\n  script: &s [!reference [.a, script], !reference [.a, script]]\n.a:\n  script:\n".to_owned()
        + &"    - !reference [.a, script]\n".repeat(20_000);
    assert!(parse_gitlab(".gitlab-ci.yml", references.as_bytes()).is_ok());
}
