//! The pipeline files that `avouch init --ci` writes.

use crate::cli::Forge;

/// Path and text of the pipeline file of a forge. Actions are named by commit, with their version beside.
pub(super) const fn pipeline(forge: Forge) -> (&'static str, &'static str) {
    match forge {
        Forge::Github => (".github/workflows/avouch.yml", GITHUB),
        Forge::Gitlab => (".gitlab/avouch.yml", GITLAB),
    }
}

const GITHUB: &str = "\
# Checks what the sources can show at every change, and records the whole job every night.
# `avouch check --when build` opens no socket and needs no key; exit code 3 means that something could not be told.
name: avouch
on:
  push:
  pull_request:
  schedule:
    - cron: '0 3 * * *'
permissions:
  contents: read
jobs:
  check:
    if: github.event_name != 'schedule'
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@08c6903cd8c0fde910a37f88322edcfb5dd907a8 # v5.0.0
        with:
          fetch-depth: 0
          persist-credentials: false
      # Put the program on the PATH here, as you install tools elsewhere; this step says when it is missing.
      - run: avouch --version
      - run: avouch check --when build --format github
  run:
    if: github.event_name == 'schedule'
    runs-on: ubuntu-latest
    environment: evidence
    steps:
      - uses: actions/checkout@08c6903cd8c0fde910a37f88322edcfb5dd907a8 # v5.0.0
        with:
          fetch-depth: 0
          persist-credentials: false
      - run: avouch --version
      # The runner is new every night: the ledger is rebuilt from what was published, and continued. The first night there is
      # nothing yet: publish once from where `avouch init` ran.
      - run: avouch evidence restore \"$AVOUCH_SITE\" && avouch run
        env:
          AVOUCH_SITE: ${{ vars.AVOUCH_SITE }}
          AVOUCH_SIGNING_KEY: ${{ secrets.AVOUCH_SIGNING_KEY }}
      # Whatever the gate says, the record goes out: this machine is gone tomorrow, and what failed tonight with it. The job fails all
      # the same. Without a checkpoint nothing was published: the step above stopped before.
      # Yours to write: puts `public/` out, the file `checkpoint` last (docs/guides/pipeline.md of avouch says how).
      - if: ${{ !cancelled() && hashFiles('public/checkpoint') != '' }}
        run: ./publish.sh public
";

const GITLAB: &str = "\
# Include this file from .gitlab-ci.yml:  include: { local: .gitlab/avouch.yml }
# `avouch check --when build` opens no socket and needs no key; exit code 3 means that something could not be told.
avouch-check:
  stage: test
  variables: { GIT_DEPTH: 0 }
  rules: [{ if: $CI_PIPELINE_SOURCE != 'schedule' }]
  script:
    # Put the program on the PATH here, as you install tools elsewhere; this line says when it is missing.
    - avouch --version
    - avouch check --when build --format junit > avouch.xml
  artifacts:
    when: always
    reports: { junit: avouch.xml }
avouch-run:
  stage: deploy
  variables: { GIT_DEPTH: 0 }
  rules: [{ if: $CI_PIPELINE_SOURCE == 'schedule' }]
  script:
    # The runner is new every night: the ledger is rebuilt from what was published, and continued.
    - avouch evidence restore \"$AVOUCH_SITE\"
    - code=0; avouch run || code=$?
    # Whatever the gate says, the record goes out: this machine is gone tomorrow, and what failed tonight with it. The job fails all
    # the same. Without a checkpoint nothing was published: the run stopped before.
    # Yours to write: puts `public/` out, the file `checkpoint` last (docs/guides/pipeline.md of avouch says how).
    - test ! -f public/checkpoint || ./publish.sh public
    - exit \"$code\"
  artifacts:
    when: always
    paths: [public]
";
