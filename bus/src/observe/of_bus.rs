//! What a bus says of itself.

use super::{Description, Explanation, HandlerStats, RecentFailure};
use crate::bus::Bus;
use crate::event::FilterStats;
use crate::message::Message;
use crate::registry::WiringReport;
use crate::stats::Stats;

/// What is wired, and what has become of it.
impl Bus {
    /// What was found when the bus was built.
    #[must_use]
    pub fn wiring(&self) -> &WiringReport {
        &self.core().wiring
    }

    /// What is wired at the moment, run-time registrations and open sessions included: as data, as text
    /// (`Display`), as JSON (feature `json`), as a graph in Mermaid or Graphviz DOT.
    #[must_use]
    pub fn describe(&self) -> Description {
        Description::of(self.core())
    }

    /// Who would get this message now, in which order, and why the others would not. Nothing is sent and
    /// nothing is counted; filters are asked what they [would](crate::EventFilter::would_accept) say.
    ///
    /// ```
    /// use bus::{Bus, event};
    ///
    /// #[event]
    /// struct Rang;
    ///
    /// let bus = Bus::builder().build()?;
    /// let explained = bus.explain(&Rang);
    /// assert!(!explained.is_handled());
    /// assert!(explained.to_string().ends_with("nobody handles it\n"));
    /// # Ok::<(), bus::BuildError>(())
    /// ```
    #[must_use]
    pub fn explain<M: Message>(&self, message: &M) -> Explanation {
        Explanation::of(self.core(), None, message)
    }

    /// What has become of the runs of each handler: of those of the bus, then of those of the open
    /// sessions.
    #[must_use]
    pub fn handler_stats(&self) -> Vec<HandlerStats> {
        HandlerStats::of(self.core())
    }

    /// The calls of handlers that have failed last, oldest first: 100 at most. Commands that were answered
    /// with an error of their handler are among them.
    #[must_use]
    pub fn recent_failures(&self) -> Vec<RecentFailure> {
        self.core().failures.all()
    }

    /// Counts of what has happened so far. Exact when nothing moves.
    #[must_use]
    pub fn stats(&self) -> Stats {
        Stats::of(self.core())
    }

    /// The filters of the bus, in the order in which they are asked, then those of its handlers; and how
    /// many events each has kept out.
    #[must_use]
    pub fn filters(&self) -> Vec<FilterStats> {
        self.core().filters()
    }
}
