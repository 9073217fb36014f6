//! The model: what has to happen.

use super::link::Link;
use super::{Does, End, How};

pub(crate) struct Model<'m> {
    pub(crate) how: How,
    pub(crate) outer: &'m [Link],
    pub(crate) inner: &'m [Link],
    pub(crate) log: Vec<String>,
    pub(crate) hooked: Vec<String>,
    pub(crate) runs: u32,
    /// What the call, and what its current run have emitted.
    pub(crate) emitted: usize,
    pub(crate) in_run: usize,
}

/// It waits, and whoever is told so drops it.
pub(crate) struct Pending;

impl Model<'_> {
    pub(crate) fn call(&mut self, at: usize, cut: bool) -> Result<End, Pending> {
        let links = self.outer;
        match links.get(at) {
            None => self.run(cut),
            Some(link) => self.link(link, cut, |model, cut| model.call(at + 1, cut)),
        }
    }

    /// A run of the handler, with the middleware that are a part of it.
    fn run(&mut self, cut: bool) -> Result<End, Pending> {
        self.runs += 1;
        self.in_run = 0;
        let ended = match self.in_run(0, cut) {
            Ok(ended) => ended,
            // The handler hangs, and nobody inside of the run cuts it.
            Err(Pending) if !cut => End::TimedOut,
            Err(Pending) => {
                self.hooked.push(format!("{} Dropped", self.runs));
                return Err(Pending);
            }
        };
        self.hooked.push(format!("{} {ended:?}", self.runs));
        if ended == End::Ok {
            self.emitted += self.in_run;
        }
        Ok(ended)
    }

    fn in_run(&mut self, at: usize, cut: bool) -> Result<End, Pending> {
        let links = self.inner;
        match links.get(at) {
            None => self.handler(cut),
            Some(link) => self.link(link, cut, |model, cut| model.in_run(at + 1, cut)),
        }
    }

    fn handler(&mut self, cut: bool) -> Result<End, Pending> {
        self.log.push("handler".to_owned());
        if cut || self.how == How::Hangs {
            self.log.push("handler dropped".to_owned());
            return Err(Pending);
        }
        Ok(match self.how {
            How::Well => {
                self.in_run += 1;
                End::Ok
            }
            How::Fails => End::Failed,
            How::Panics => End::Panicked,
            How::Hangs => unreachable!(),
        })
    }

    fn link(
        &mut self,
        link: &Link,
        cut: bool,
        next: impl Fn(&mut Self, bool) -> Result<End, Pending>,
    ) -> Result<End, Pending> {
        let Link { number, does } = link;
        self.log.push(format!("{number} in"));
        match does {
            Does::RejectsBefore | Does::PanicsBefore => return Ok(End::Rejected(*number)),
            Does::AnswersBefore => return Ok(End::Ok),
            _ => {}
        }
        let mut ended = match next(self, cut || *does == Does::Cuts) {
            Err(Pending) if *does == Does::Cuts => return Ok(End::Rejected(*number)),
            ended => ended?,
        };
        if *does == Does::Repeats {
            ended = next(self, cut)?;
        }
        self.log.push(format!("{number} out {ended:?}"));
        Ok(match does {
            Does::RejectsAfter | Does::PanicsAfter => End::Rejected(*number),
            Does::AnswersAfter => End::Ok,
            _ => ended,
        })
    }
}
