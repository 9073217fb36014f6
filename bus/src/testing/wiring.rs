//! The manifest: what is linked into a program, in a file that is looked at when it changes.

use std::path::Path;
use std::{env, fs};

use crate::message::MessageInfo;
use crate::registry::entry::MessageEntry;
use crate::registry::wiring::{is_within, registered};

/// The environment variable that has the manifest written anew.
const UPDATE: &str = "BUS_MANIFEST";

/// What is linked into this program, in lines.
#[derive(Debug, Default, PartialEq, Eq)]
struct Manifest {
    messages: Vec<String>,
    handlers: Vec<String>,
}

impl Manifest {
    /// Of these modules, or of all; sorted.
    fn linked(within: &[&str]) -> Self {
        let within: Vec<String> = within.iter().map(|&module| module.to_owned()).collect();
        let is_in = |module: &str| within.is_empty() || is_within(module, &within);
        let messages = inventory::iter::<MessageEntry>.into_iter().map(|entry| entry.0);
        let messages = messages.filter(|message| !message.is_own());
        let mut messages: Vec<_> = messages.filter(|m| is_in(m.module())).map(line).collect();
        let handlers = registered().into_iter().filter(|entry| is_in(entry.meta.module));
        let handlers = handlers.filter(|entry| !entry.meta.manual);
        let mut handlers: Vec<_> = handlers
            .map(|e| format!("{}::{}: {}", e.meta.module, e.meta.name, e.message.name()))
            .collect();
        messages.sort();
        messages.dedup();
        handlers.sort();
        Self { messages, handlers }
    }

    /// As JSON: an entry a line, so that a change of one is a change of one line.
    fn to_json(&self) -> String {
        let list = |lines: &[String]| {
            let lines: Vec<_> =
                lines.iter().map(|line| format!("    \"{}\"", escaped(line))).collect();
            if lines.is_empty() {
                "[]".to_owned()
            } else {
                format!("[\n{}\n  ]", lines.join(",\n"))
            }
        };
        let (messages, handlers) = (list(&self.messages), list(&self.handlers));
        format!("{{\n  \"messages\": {messages},\n  \"handlers\": {handlers}\n}}\n")
    }

    /// Reads what [`to_json`](Self::to_json) has written, and nothing else: what is left of a merge, or in another
    /// layout, would be read as a manifest with less in it.
    ///
    /// # Errors
    /// What is wrong with it.
    fn parse(text: &str) -> Result<Self, String> {
        let (mut read, mut has) = (Self::default(), (false, false));
        let mut list = None;
        for (number, whole) in text.lines().enumerate() {
            let line = whole.trim().trim_end_matches(',');
            let is_list = |name: &str| {
                let rest = line.strip_prefix(name)?.trim_start().strip_prefix(':')?;
                matches!(rest.trim(), "[" | "[]").then_some(())
            };
            let entry = line.strip_prefix('"').and_then(|line| line.strip_suffix('"'));
            match (line, entry, &mut list) {
                ("" | "{" | "}" | "]", ..) => {}
                _ if is_list("\"messages\"").is_some() => {
                    (has.0, list) = (true, Some(&mut read.messages));
                }
                _ if is_list("\"handlers\"").is_some() => {
                    (has.1, list) = (true, Some(&mut read.handlers));
                }
                (_, Some(entry), Some(list)) => list.push(unescaped(entry)),
                _ => {
                    let (number, start) = (number + 1, whole.trim().chars().take(60));
                    let start: String = start.collect();
                    return Err(format!("line {number} is `{start}`, and not of a manifest"));
                }
            }
        }
        match has {
            (true, true) => Ok(read),
            (false, _) => Err("it has no `messages`".to_owned()),
            (_, false) => Err("it has no `handlers`".to_owned()),
        }
    }

    fn diff(&self, now: &Self) -> String {
        let mut text = String::new();
        let lists = [
            ("message", &self.messages, &now.messages),
            ("handler", &self.handlers, &now.handlers),
        ];
        for (what, then, now) in lists {
            let gone = without(then, now).map(|line| ("-", line));
            let new = without(now, then).map(|line| ("+", line));
            for (sign, line) in gone.chain(new) {
                text.push_str(&format!("  {sign} {what} {line}\n"));
            }
        }
        text
    }
}

/// The lines of one that the other has not, or has not as often.
fn without<'l>(one: &'l [String], other: &'l [String]) -> impl Iterator<Item = &'l String> {
    let count = |lines: &[String], line: &String| lines.iter().filter(|l| *l == line).count();
    let is_more = move |at: &usize| count(&one[..=*at], &one[*at]) > count(other, &one[*at]);
    (0..one.len()).filter(is_more).map(|at| &one[at])
}

fn line(message: &'static MessageInfo) -> String {
    let kind = if message.is_command() { "command" } else { "event" };
    format!("{} ({kind})", message.name())
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out
}

fn unescaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match (c, if c == '\\' { chars.next() } else { None }) {
            (_, Some('u')) => {
                let code: String = chars.by_ref().take(4).collect();
                out.extend(u32::from_str_radix(&code, 16).ok().and_then(char::from_u32));
            }
            (_, Some(escaped)) => out.push(escaped),
            (c, None) => out.push(c),
        }
    }
    out
}

/// What [`assert_wiring!`](super::assert_wiring) does.
///
/// # Panics
/// When the manifest is not there, cannot be read or written, or says otherwise.
#[doc(hidden)]
#[track_caller]
pub fn check_wiring(folder: &str, file: &str, within: &[&str]) {
    let (path, now) = (Path::new(folder).join(file), Manifest::linked(within));
    let fix = format!("`{UPDATE}=update cargo test` writes {}", path.display());
    for module in within {
        let one = Manifest::linked(&[module]);
        assert!(
            !one.messages.is_empty() || !one.handlers.is_empty(),
            "`within` names `{module}`, and nothing that is linked is in a module of that name: it is the name of a \
             crate, as in paths, or the path of a module in it"
        );
    }
    let update = env::var_os(UPDATE);
    assert!(
        update.as_ref().is_none_or(|value| value == "update"),
        "`{UPDATE}` is {update:?}: `update` writes the manifest, and nothing else is known"
    );
    if update.is_some() {
        if let Err(error) = fs::write(&path, now.to_json()) {
            panic!("{} cannot be written: {error}", path.display());
        }
        return;
    }
    let then = fs::read_to_string(&path).map_err(|error| error.to_string());
    let then = match then.and_then(|text| Manifest::parse(&text)) {
        Ok(then) => then,
        Err(error) => panic!("{} cannot be read: {error}\n{fix}", path.display()),
    };
    if then != now {
        let diff = then.diff(&now);
        let diff = if diff.is_empty() { "  the order of its lines\n".to_owned() } else { diff };
        panic!(
            "what is linked into this program is not what {file} says\n{diff}\
             - what is gone: does the program name its crate (`bus::link!`), and is the feature on? If it was removed on \
             purpose: {fix}\n\
             + what is new: {fix}"
        );
    }
}

/// What is linked into the program of this test is what its manifest says: `bus.manifest.json`, beside the crate's
/// `Cargo.toml`. A handler that disappears from the binary fails the test, and so does one that is new. With
/// `BUS_MANIFEST=update` in the environment the manifest is written anew.
///
/// `assert_wiring!(file = "worker.manifest.json")` names another file, for a second program of the crate;
/// `assert_wiring!(within = ["billing", "shipping"])` looks at these modules alone, and leaves those of the tests out.
#[macro_export]
#[doc(hidden)]
macro_rules! __assert_wiring {
    () => {
        $crate::testing::assert_wiring!(file = "bus.manifest.json")
    };
    (within = [$($module:expr),* $(,)?] $(,)?) => {
        $crate::testing::assert_wiring!(file = "bus.manifest.json", within = [$($module),*])
    };
    (within = [$($module:expr),* $(,)?], file = $file:expr $(,)?) => {
        $crate::testing::assert_wiring!(file = $file, within = [$($module),*])
    };
    (file = $file:expr $(, within = [$($module:expr),* $(,)?])? $(,)?) => {
        $crate::testing::check_wiring(
            ::core::env!("CARGO_MANIFEST_DIR"),
            $file,
            &[$($($module),*)?],
        )
    };
}

#[cfg(test)]
mod tests {
    use super::Manifest;

    fn lines(lines: &[&str]) -> Vec<String> {
        lines.iter().map(|&line| line.to_owned()).collect()
    }

    #[test]
    fn what_was_written_is_read() {
        let messages = lines(&["a::\"B\" (command)", "c\\d (event)", "tab\t (event)"]);
        for manifest in [Manifest::default(), Manifest { messages, handlers: lines(&["a::f: B"]) }]
        {
            let json = manifest.to_json();
            assert_eq!(Manifest::parse(&json).as_ref(), Ok(&manifest), "{json}");
            #[cfg(feature = "json")]
            assert!(serde_json::from_str::<serde_json::Value>(&json).is_ok(), "{json}");
        }
    }

    #[test]
    fn what_is_gone_and_what_is_new_is_said() {
        let then = Manifest { messages: lines(&["a", "b"]), handlers: lines(&["f: a"]) };
        let now = Manifest { messages: lines(&["b", "c"]), handlers: lines(&["f: a", "g: c"]) };
        assert_eq!(then.diff(&now), "  - message a\n  + message c\n  + handler g: c\n");
        // Two that read the same are two.
        let (one, two) = (lines(&["f: a"]), lines(&["f: a", "f: a"]));
        let [one, two] = [one, two].map(|handlers| Manifest { messages: Vec::new(), handlers });
        assert_eq!(
            (two.diff(&one), one.diff(&two)),
            ("  - handler f: a\n".into(), "  + handler f: a\n".into())
        );
    }
}
