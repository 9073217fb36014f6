//! Retrying a copy that was put right.

use std::sync::Arc;

use super::retry::{check, in_background};
use super::{DeadLetterId, DeadLetters, Retried, RetryError};
use crate::message::{Message, MessageId};
use crate::pipeline::options::Head;

/// The header of a copy that is run in place of a dead letter: the id of that.
pub const DEAD_LETTER_OF: &str = "x-dead-letter-of";

impl DeadLetters<'_> {
    /// Runs the handler of a dead letter with a copy that `edit` makes of the message. The copy has a
    /// [`MessageId`] of its own, and beside the headers of the original one more,
    /// [`x-dead-letter-of`](DEAD_LETTER_OF), which names the dead letter; headers, session and principal
    /// cannot be edited.
    ///
    /// The original stays as it is, and is kept from others, until the copy has gone well: then it is
    /// gone, counted as [`succeeded`](crate::DeadLetterStats::succeeded), and what it has held up is run
    /// as after a [retry](Self::retry). If the copy fails, only the error tells of it: the copy is no
    /// dead letter, and the original's attempts are not counted on.
    ///
    /// # Errors
    /// [`RetryError`], as [`retry`](Self::retry); and when the message is no `M`, or the copy would
    /// overtake what is held up under its own key.
    ///
    /// # Panics
    /// When `edit` does. The dead letter stays as it was.
    ///
    /// # Cancel safety
    /// As [`retry`](Self::retry).
    pub async fn edit_and_retry<M: Message>(
        self,
        id: DeadLetterId,
        edit: impl FnOnce(&M) -> M,
    ) -> Result<Retried, RetryError> {
        let core = self.core();
        check(core, id)?;
        let mut to_run = core.dead_letters.claim(core, id, true)?;
        let letter = &mut to_run.letter;
        let Some(original) = letter.message.downcast_ref::<M>() else {
            let (message, wanted) = (letter.info.name(), M::INFO.name());
            return Err(RetryError::OtherType { id, message, wanted });
        };
        let copy = edit(original);
        if letter.lane.is_some() {
            let lane = letter.info.lane(&copy);
            let other = lane.filter(|lane| Some(*lane) != letter.lane);
            let head = other.and_then(|lane| core.dead_letters.is_behind(letter.handler_id, lane));
            if let Some(head) = head {
                return Err(RetryError::Behind { id, head });
            }
            letter.lane = lane;
        }
        letter.message = Arc::new(copy);
        let original = std::mem::replace(&mut letter.message_id, MessageId::next(core.number));
        if let Some(history) = &core.history {
            history.copied(original, letter.message_id, id);
        }
        letter.attempts = 0;
        let mut head = letter.head.as_deref().map_or_else(Head::default, Head::clone);
        head.headers.set(DEAD_LETTER_OF.into(), id.to_string());
        letter.head = Some(Arc::new(head));
        Ok(in_background(core, to_run).await?.retried)
    }
}
