//! Nothing.

#![allow(
    clippy::needless_pass_by_ref_mut,
    clippy::unused_self,
    reason = "what the probes of a test bus take, these take too"
)]

use std::task;

use crate::core::Core;
use crate::probe::{Delays, Who};
use crate::registry::HandlerInfo;
use crate::resilience::RetryConfig;

#[inline]
pub(crate) fn task<F>(_: &Core, future: F) -> F {
    future
}

#[inline]
pub(crate) fn delays(_: &Core, retry: &RetryConfig) -> Delays {
    Box::new(retry.delays())
}

#[derive(Default)]
pub(crate) struct Caller(());

impl Caller {
    #[inline]
    pub(crate) fn poll<T>(
        &mut self,
        _: &Core,
        task: &mut task::Context<'_>,
        poll: impl FnOnce(&mut task::Context<'_>) -> T,
    ) -> T {
        poll(task)
    }
}

#[derive(Default)]
pub(crate) struct Watch(());

impl Watch {
    #[inline]
    pub(crate) fn poll<T>(
        &mut self,
        _: &Core,
        _: Who,
        _: &HandlerInfo,
        task: &mut task::Context<'_>,
        poll: impl FnOnce(&mut task::Context<'_>) -> T,
    ) -> T {
        poll(task)
    }
}

/// Nobody.
pub(crate) struct Acting(());

#[inline]
pub(crate) fn acting(_: &Core, _: &HandlerInfo) -> Acting {
    Acting(())
}

pub(crate) struct Busy;

impl Busy {
    #[inline]
    pub(crate) fn begin(_: &Core) -> Self {
        Self
    }
}

pub(crate) struct Rest;

impl Rest {
    #[inline]
    pub(crate) fn begin() -> Self {
        Self
    }
}
