//! `retry(..)` and `circuit_breaker(..)` as constants of the runtime.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};

use crate::attribute::{BreakerArgs, Jitter, RetryArgs};
use crate::expansion::duration;

pub(crate) fn retry(retry: Option<&RetryArgs>) -> TokenStream {
    let Some(retry) = retry else { return option(None::<TokenStream>) };
    let max_retries = option(retry.max_retries);
    let initial_delay = duration(retry.initial_delay.as_ref().map(|delay| delay.value));
    let max_delay = duration(retry.max_delay);
    let exponential_base = option(retry.exponential_base);
    let jitter = option(retry.jitter.map(jitter));
    option(Some(quote! {
        __bus::RetryMeta {
            max_retries: #max_retries,
            initial_delay: #initial_delay,
            max_delay: #max_delay,
            exponential_base: #exponential_base,
            jitter: #jitter,
        }
    }))
}

pub(crate) fn circuit_breaker(breaker: Option<&BreakerArgs>) -> TokenStream {
    let Some(breaker) = breaker else { return option(None::<TokenStream>) };
    let name = option(breaker.name.as_ref());
    let failure_threshold = option(breaker.failure_threshold);
    let failure_ratio = option(breaker.failure_ratio);
    let window_size = duration(breaker.window_size);
    let recovery_timeout = duration(breaker.recovery_timeout);
    let success_threshold = option(breaker.success_threshold);
    option(Some(quote! {
        __bus::BreakerMeta {
            name: #name,
            failure_threshold: #failure_threshold,
            failure_ratio: #failure_ratio,
            window_size: #window_size,
            recovery_timeout: #recovery_timeout,
            success_threshold: #success_threshold,
        }
    }))
}

fn jitter(jitter: Jitter) -> TokenStream {
    match jitter {
        Jitter::Full => quote!(__bus::Jitter::Full),
        Jitter::Equal => quote!(__bus::Jitter::Equal),
        Jitter::Decorrelated => quote!(__bus::Jitter::Decorrelated),
        Jitter::None => quote!(__bus::Jitter::None),
        Jitter::Spread(part) => quote!(__bus::Jitter::Spread(#part)),
    }
}

fn option(value: Option<impl ToTokens>) -> TokenStream {
    match value {
        None => quote!(__bus::Option::None),
        Some(value) => quote!(__bus::Option::Some(#value)),
    }
}
