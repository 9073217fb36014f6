//! What a message says, in one short line, where its type is `Debug`.

use std::any::Any;
use std::fmt::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::message::MessageInfo;

/// So many characters are enough to know a message by, and leave a tree that can be read.
const MOST: usize = 200;

/// The text of a message. `None`: its type is not `Debug`.
pub(super) fn text_of(info: &MessageInfo, message: &dyn Any) -> Option<String> {
    let write = info.capabilities().debug_with?;
    let mut line = OneLine::default();
    // It is a user's code, and the failure that is told of is another one.
    let written = catch_unwind(AssertUnwindSafe(|| {
        write!(line, "{:?}", fmt::from_fn(|f| write(message, f)))
    }));
    Some(match written {
        // Where it ends early, for us or for itself, what there is of it says enough.
        Ok(_) => line.end(),
        Err(_) => format!("{} (its `Debug` panics)", info.short_name()),
    })
}

/// The message by its name, and by its text if there is one: `Debug` mostly begins with the name.
pub(super) fn shown(info: &MessageInfo, text: Option<&str>) -> String {
    let name = info.short_name();
    let Some(text) = text else { return name.to_owned() };
    let ident = name.split('<').next().unwrap_or(name);
    match text.strip_prefix(ident) {
        Some(rest) if !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_') => {
            format!("{name}{rest}")
        }
        _ => format!("{name} {text}"),
    }
}

/// Takes what is written to it until it has enough.
#[derive(Default)]
struct OneLine {
    text: String,
    chars: usize,
    is_cut: bool,
}

impl OneLine {
    fn end(mut self) -> String {
        if self.is_cut {
            self.text.push_str("..");
        }
        self.text
    }
}

impl Write for OneLine {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for c in text.chars() {
            if self.chars == MOST {
                self.is_cut = true;
                // A message may be large: nothing of the rest is made.
                return Err(fmt::Error);
            }
            self.text.push(if c.is_control() { ' ' } else { c });
            self.chars += 1;
        }
        Ok(())
    }
}
