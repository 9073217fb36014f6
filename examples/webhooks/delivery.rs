//! The command: process one delivery.

use std::sync::Arc;

use bus::command;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use crate::failure::Failure;
use crate::text::Text;

/// Process a delivery. Its answer is the kind of the delivery; its domain events follow.
#[command(output = &'static str, error = Rejected)]
#[derive(Debug)]
pub(crate) struct Deliver {
    pub(crate) source: Arc<str>,
    pub(crate) line: u64,
    pub(crate) kind: String,
    /// Parsed by the handler, which alone knows what this kind must hold.
    pub(crate) payload: Box<RawValue>,
}

/// Why a delivery was not processed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Rejected {
    #[error("unknown kind `{0}`")]
    UnknownKind(Text),
    #[error("the payload of a delivery of kind `{kind}`: {error}")]
    Payload { kind: &'static str, error: Text },
}

impl Deliver {
    /// Takes a line apart.
    pub(crate) fn parse(source: Arc<str>, line: u64, content: &[u8]) -> Result<Self, Failure> {
        #[derive(Deserialize)]
        struct Parts {
            event: String,
            payload: Box<RawValue>,
        }
        let text = std::str::from_utf8(content).map_err(Failure::NotText)?;
        if text.trim().is_empty() {
            return Err(Failure::Empty);
        }
        // serde would take a list for the fields of a struct.
        if !text.trim_start().starts_with('{') && serde_json::from_str::<IgnoredAny>(text).is_ok() {
            return Err(Failure::NoDelivery(Text::new("not an object")));
        }
        let parts: Parts = serde_json::from_str(text).map_err(|error| {
            if error.is_data() {
                Failure::NoDelivery(Text::new(&error.to_string()))
            } else {
                Failure::BrokenJson(Text::new(&error.to_string()))
            }
        })?;
        Ok(Self { source, line, kind: parts.event, payload: parts.payload })
    }
}
