//! A middleware that does what it is told to.

use std::borrow::Cow;
use std::future::poll_fn;
use std::task::Poll;

use bus::{Call, Handled, Middleware, Next, async_trait};

use super::told::end_of;
use super::{Does, Work, World};

pub(crate) struct Link {
    pub(crate) number: usize,
    pub(crate) does: Does,
}

impl Link {
    fn answer(call: &mut Call<'_>) -> Handled {
        if call.info().is_command() { call.reply::<Work>(Ok(())) } else { call.skip() }
    }
}

#[async_trait]
impl Middleware for Link {
    async fn handle(&self, call: &mut Call<'_>, next: Next) -> Handled {
        let world = call.context().resource::<World>().unwrap();
        let Self { number, does } = self;
        world.say(format!("{number} in"));
        match does {
            Does::RejectsBefore => return call.reject("before"),
            Does::AnswersBefore => return Self::answer(call),
            Does::PanicsBefore => panic!("before"),
            _ => {}
        }
        let handled = if *does == Does::Cuts {
            let mut going_on = Box::pin(next.run(call));
            let polled = poll_fn(|task| Poll::Ready(going_on.as_mut().poll(task))).await;
            drop(going_on);
            match polled {
                Poll::Ready(handled) => handled,
                Poll::Pending => return call.reject("cut"),
            }
        } else {
            assert!(call.keep(), "the handler borrows the command");
            let first = next.run(call).await;
            if *does == Does::Repeats { next.run(call).await } else { first }
        };
        world.say(format!("{number} out {:?}", end_of(&call.ended().unwrap())));
        match does {
            Does::RejectsAfter => call.reject("after"),
            Does::AnswersAfter => Self::answer(call),
            Does::PanicsAfter => panic!("after"),
            _ => handled,
        }
    }
    fn name(&self) -> Cow<'static, str> {
        self.number.to_string().into()
    }
}
