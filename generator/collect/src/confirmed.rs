//! Whether a person has to say yes before a command runs, in shell scripts and in programs that start others.
//!
//! Each text is gone through once: a script of a build may hold thousands of commands.

use std::collections::{BTreeMap, BTreeSet};

use avouch_read::{
    javascript::{Script as JavaScript, Sort},
    workflow::shell::Command,
};

/// Commands that ask a person, or whether a person said yes.
const ASKS: &[&str] = &["read", "confirm", "gum", "whiptail", "dialog", "select"];
/// What conditions on a person's yes are named like.
const YES: &[&str] = &["confirm", "yes", "approved", "agreed"];

/// Of each command of a shell script whether a person was asked before, and nothing goes on without a yes: after the question
/// something ends the script, or the command stands where only a yes leads.
pub(crate) fn after_yes(text: &str, commands: &[Command]) -> Vec<bool> {
    let words = words(text);
    let mut next = 0;
    // Where the last `then` began, and the last `fi` or `else`.
    let (mut then, mut other) = (None, None);
    let (mut asked, mut ended) = (false, false);
    let mut tests = BTreeSet::new();
    let mut answers = Vec::with_capacity(commands.len());
    for command in commands {
        step();
        // A substitution begins within the command around it: words that were passed before are no nearer to it.
        while let Some((start, word)) = words.get(next).filter(|(start, word)| start + word.len() <= command.span.start) {
            step();
            if *word == "then" {
                then = Some(*start)
            } else {
                other = Some(*start)
            }
            next += 1;
        }
        // `if [ "$answer" = yes ]; then …`: the command stands between `then` and `fi`.
        let leads = then.is_some_and(|then| {
            let from = other.map_or(0, |other: usize| other + 1);
            from <= then && tests.range(from..=then).next().is_some()
        });
        answers.push(asked && (ended || leads));
        let program = command.program().first().map_or("", String::as_str);
        // What asks may itself be what leads, and what ends comes after it.
        ended |= asked && matches!(program, "exit" | "return" | "die" | "abort");
        asked |= asks(command, program);
        if asked && matches!(program, "[" | "[[" | "test" | "confirm") {
            tests.insert(command.span.end);
        }
    }
    answers
}

fn asks(command: &Command, program: &str) -> bool {
    let is_answer = |word: &String| {
        let given = word.trim_start_matches(['$', '{']);
        word.starts_with('$') && (given.starts_with(['1', '2', '3', '@', '*']) || given.to_ascii_lowercase().contains("confirm"))
    };
    ASKS.contains(&program)
        || program.ends_with("confirm")
        || (matches!(program, "[" | "[[" | "test" | "case") && command.words.iter().any(is_answer))
}

/// The words `then`, `fi` and `else` of a script, with where they begin.
fn words(text: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    let mut at = 0;
    for word in text.split(|each: char| each.is_whitespace() || each == ';') {
        step();
        if matches!(word, "then" | "fi" | "else") {
            found.push((at, word));
        }
        at += word.len() + text[at + word.len()..].chars().next().map_or(0, char::len_utf8);
    }
    found
}

/// The conditions of a program on somebody's yes: `if (!confirmed) return`, or `if (await confirm(…)) { … }`.
pub(crate) struct Asked {
    /// The bracket that encloses each token most closely.
    enclosing: Vec<Option<usize>>,
    blocks: BTreeMap<Option<usize>, Conditions>,
}

/// Those of one block.
#[derive(Default)]
struct Conditions {
    /// Where the first ends that ends the run without a yes.
    stops: Option<usize>,
    /// Where the condition of each that leads on with a yes ends, and how far it and those before it lead.
    leads: Vec<(usize, usize)>,
}

impl Asked {
    pub(crate) fn of(script: &JavaScript<'_>) -> Self {
        let enclosing = enclosing(script);
        let mut this = Self { enclosing, blocks: BTreeMap::new() };
        // How many words before each place say yes, and how many end a run.
        let yes = before(script, |text| {
            let text = text.to_ascii_lowercase();
            YES.iter().any(|wanted| text.contains(wanted))
        });
        let ends = before(script, |text| matches!(text, "return" | "throw" | "exit"));
        let between = |counts: &[u32], from: usize, to: usize| counts.get(to) > counts.get(from);
        for place in 0..script.tokens.len() {
            if !script.is(place, Sort::Word) || script.text(place) != "if" {
                continue;
            }
            let Some(close) = script.partner(place + 1).filter(|close| between(&yes, place + 2, *close)) else { continue };
            let block = script.is_sign(close + 1, "{").then(|| script.partner(close + 1)).flatten();
            let end = block.unwrap_or_else(|| script.expression_end(close + 1)).min(script.tokens.len() - 1);
            let conditions = this.blocks.entry(this.enclosing.get(place).copied().flatten()).or_default();
            if !script.is_sign(place + 2, "!") {
                let far = conditions.leads.last().map_or(end, |(_, far)| end.max(*far));
                conditions.leads.push((close, far));
            } else if between(&ends, close + 1, end + 1) {
                conditions.stops = Some(conditions.stops.map_or(end, |known| known.min(end)));
            }
        }
        this
    }

    /// Whether a token stands behind one of them, in its own block or around it.
    pub(crate) fn before(&self, call: usize) -> bool {
        let mut at = call;
        loop {
            step();
            // A question outside of the function does not guard every call of it, but one in its block does.
            let open = self.enclosing.get(at).copied().flatten();
            if self.blocks.get(&open).is_some_and(|conditions| conditions.guard(call)) {
                return true;
            }
            match open {
                Some(open) => at = open,
                None => return false,
            }
        }
    }
}

impl Conditions {
    fn guard(&self, call: usize) -> bool {
        let begun = self.leads.partition_point(|(close, _)| *close < call);
        let led = begun.checked_sub(1).and_then(|last| self.leads.get(last)).is_some_and(|(_, far)| call <= *far);
        led || self.stops.is_some_and(|end| end < call)
    }
}

/// How many tokens before each place are such.
fn before(script: &JavaScript<'_>, is_such: impl Fn(&str) -> bool) -> Vec<u32> {
    let mut count = 0;
    let mut counts = Vec::with_capacity(script.tokens.len() + 1);
    counts.push(count);
    for place in 0..script.tokens.len() {
        step();
        count += u32::from(is_such(script.text(place)));
        counts.push(count);
    }
    counts
}

/// The bracket that encloses each token most closely, as [`JavaScript::enclosing`] tells of one.
fn enclosing(script: &JavaScript<'_>) -> Vec<Option<usize>> {
    let mut open: Vec<usize> = Vec::new();
    let mut all = Vec::with_capacity(script.tokens.len());
    for place in 0..script.tokens.len() {
        step();
        all.push(open.last().copied());
        if !script.is(place, Sort::Sign) {
            continue;
        }
        match script.text(place) {
            "(" | "[" | "{" | "${" => open.push(place),
            ")" | "]" | "}" => {
                if let Some(partner) = script.partner(place) {
                    while open.pop().is_some_and(|bracket| bracket != partner) {}
                }
            }
            _ => {}
        }
    }
    all
}

#[cfg(not(test))]
const fn step() {}

/// Counts the work, for the test that asks how it grows.
#[cfg(test)]
fn step() {
    tests::STEPS.with(|steps| steps.set(steps.get() + 1));
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use avouch_read::workflow::shell::Script;
    use proptest::prelude::*;

    use super::*;

    thread_local! {
        pub(super) static STEPS: Cell<u64> = const { Cell::new(0) };
    }

    fn steps(work: impl FnOnce()) -> u64 {
        STEPS.set(0);
        work();
        STEPS.get()
    }

    /// The slow way: everything before a command is read again for it.
    fn is_after_yes(text: &str, commands: &[Command], index: usize) -> bool {
        let (command, before) = (&commands[index], &commands[..index]);
        let program = |command: &Command| command.program().first().cloned().unwrap_or_default();
        let Some(question) = before.iter().position(|one| asks(one, &program(one))) else { return false };
        let ends = before[question + 1..].iter().any(|one| matches!(program(one).as_str(), "exit" | "return" | "die" | "abort"));
        let tests = before[question..].iter().filter(|one| matches!(program(one).as_str(), "[" | "[[" | "test" | "confirm"));
        let leads = tests.into_iter().any(|test| {
            let between = text.get(test.span.end..command.span.start).unwrap_or_default();
            let words: Vec<&str> = between.split(|each: char| each.is_whitespace() || each == ';').collect();
            words.contains(&"then") && !words.contains(&"fi") && !words.contains(&"else")
        });
        ends || leads
    }

    /// The slow way: from a call outwards, everything before it in each block.
    fn is_asked_before(script: &JavaScript<'_>, call: usize) -> bool {
        let mut at = call;
        loop {
            let open = script.enclosing(at);
            for place in open.map_or(0, |open| open + 1)..at {
                if script.text(place) != "if" || !script.is(place, Sort::Word) || script.enclosing(place) != open {
                    continue;
                }
                let Some(close) = script.partner(place + 1).filter(|close| *close < call) else { continue };
                let yes = (place + 2..close)
                    .any(|word| YES.iter().any(|wanted| script.text(word).to_ascii_lowercase().contains(wanted)));
                let body = if script.is_sign(close + 1, "{") { script.partner(close + 1) } else { None };
                let end = body.unwrap_or_else(|| script.expression_end(close + 1));
                let stops = (close + 1..=end).any(|word| matches!(script.text(word), "return" | "throw" | "exit"));
                let within = (close + 1..=end).contains(&call);
                let negated = script.is_sign(place + 2, "!");
                if yes && ((stops && !within && negated) || (within && !negated)) {
                    return true;
                }
            }
            match open {
                Some(open) => at = open,
                None => return false,
            }
        }
    }

    proptest! {
        #[test]
        fn of_any_script_the_slow_way_tells_the_same(
            pieces in prop::collection::vec(prop::sample::select(vec![
                "read -r answer\n", "[ \"$answer\" = yes ]", "[ \"$1\" = a ]", "if ", "; then\n", "then ", "else\n", "fi\n", "fi; ", "|| exit 1\n",
                "&& ", "\n", "rm -rf x\n", "wrangler deploy\n", "confirm it", "return 1\n", "echo $(cat a)\n", "while read -r a; do\n", "done\n", "{ ", " }\n",
            ]), 0..40),
        ) {
            let text = pieces.concat();
            let script = Script::parse(&text);
            let slow: Vec<bool> = (0..script.commands.len()).map(|index| is_after_yes(&text, &script.commands, index)).collect();
            prop_assert_eq!(after_yes(&text, &script.commands), slow, "{}", text);
        }

        #[test]
        fn of_any_program_the_slow_way_tells_the_same(
            pieces in prop::collection::vec(prop::sample::select(vec![
                "if (", "if (!", "confirmed", "yes", "other", ") ", "(", "{ ", "} ", "return; ", "throw e; ", "exec('a'); ", "f(() => ", ", ", "; ", "\n", "[", "] ",
            ]), 0..40),
        ) {
            let text = pieces.concat();
            let script = JavaScript::parse(&text);
            let asked = Asked::of(&script);
            for place in 0..script.tokens.len() {
                prop_assert_eq!(asked.enclosing[place], script.enclosing(place), "{} at {}", text, place);
                prop_assert_eq!(asked.before(place), is_asked_before(&script, place), "{} at {}", text, place);
            }
        }
    }

    #[test]
    fn four_times_the_text_is_four_times_the_work() {
        let shell = |times: usize| {
            let text = "if [ \"$1\" = x ]; then\n  rm -rf a\nfi\n".repeat(times);
            let script = Script::parse(&text);
            assert_eq!(script.commands.len(), 2 * times);
            steps(|| drop(after_yes(&text, &script.commands)))
        };
        let program = |times: usize| {
            let text = "if (!other) { log('no'); }\nexec('wrangler deploy');\n".repeat(times);
            let script = JavaScript::parse(&text);
            steps(|| {
                let asked = Asked::of(&script);
                assert!((0..script.tokens.len()).all(|place| !asked.before(place)));
            })
        };
        for (small, large) in [(shell(100), shell(400)), (program(100), program(400))] {
            assert!(small > 0 && large <= small * 5, "{small} steps became {large}");
        }
    }
}
