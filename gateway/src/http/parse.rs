//! From a body's bytes to what a request asks for, in bounded memory and without holding up others.
//!
//! JSON grows when it is parsed: two bytes of an array become tens. So what a body will take is
//! counted first, which takes no memory, and put on its token's account. And a large body takes
//! time, which the threads that serve everyone do not have: it is read on others, a few at once.

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor};
use serde::{Deserializer, de};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::body::{Body, SMALL};
use crate::refusal::Refusal;
use crate::tenant::{Grant, PARSED};

/// Bodies that are read at once, whoever sent them.
const AT_ONCE: usize = 2;
static READERS: Semaphore = Semaphore::const_new(AT_ONCE);

/// Bytes that a value takes in memory besides its text: itself, and as much again where what
/// holds it grew to have room.
const VALUE: usize = 64;
/// The first room of an array.
const ARRAY: usize = 144;
/// The first node of an object, which has room for eleven members.
const OBJECT: usize = 640;
/// A member's name and its share of a node that is half full, without its value.
const MEMBER: usize = 96;

/// What a body asked for, and the place of it on its token's account.
#[derive(Debug)]
pub(super) struct Parsed<T> {
    pub(super) value: T,
    /// To be kept for as long as the value is.
    pub(super) account: Option<OwnedSemaphorePermit>,
}

/// Reads `body` with `read`, which may take its time.
pub(super) async fn parse<T: Send + 'static>(
    body: Body,
    grant: &Grant,
    read: impl FnOnce(&[u8]) -> Result<T, Refusal> + Send + 'static,
) -> Result<Parsed<T>, Refusal> {
    if body.len() <= SMALL {
        let account = account(cost(&body)?, grant).await;
        return Ok(Parsed { value: read(&body)?, account });
    }
    let (body, cost) = elsewhere(move || cost(&body).map(|cost| (body, cost))).await?;
    // Whoever waits for the account holds up nobody else's body.
    let account = account(cost, grant).await;
    let value = elsewhere(move || read(&body)).await?;
    Ok(Parsed { value, account })
}

/// A handful of fields is on nobody's account.
async fn account(cost: usize, grant: &Grant) -> Option<OwnedSemaphorePermit> {
    if cost > SMALL { grant.parsed(cost).await } else { None }
}

/// Runs `work` where it may take its time; to its end, if the client goes away meanwhile.
async fn elsewhere<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Refusal> + Send + 'static,
) -> Result<T, Refusal> {
    // It is never closed.
    let turn = READERS.acquire().await.ok();
    let work = tokio::task::spawn_blocking(move || {
        let _turn = turn;
        work()
    });
    work.await.unwrap_or_else(|_| Err(Refusal::internal("reading the body panicked")))
}

/// What `body` takes once it is parsed, in bytes, up to where it is JSON.
fn cost(body: &[u8]) -> Result<usize, Refusal> {
    let bytes = Cell::new(body.len());
    // What is wrong with it, whoever parses it says.
    let _ = Count(&bytes).deserialize(&mut serde_json::Deserializer::from_slice(body));
    if bytes.get() > PARSED { Err(Refusal::too_many_values()) } else { Ok(bytes.get()) }
}

/// Visits every value, keeps none, and stops where it is too much.
#[derive(Clone, Copy)]
struct Count<'a>(&'a Cell<usize>);

impl Count<'_> {
    fn add<E: de::Error>(self, bytes: usize) -> Result<(), E> {
        self.0.set(self.0.get().saturating_add(bytes));
        if self.0.get() > PARSED { Err(E::custom("too much")) } else { Ok(()) }
    }
}

impl<'de> DeserializeSeed<'de> for Count<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        self.add(VALUE).map_err(|error: de::value::Error| D::Error::custom(error))?;
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Count<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<(), A::Error> {
        self.add(ARRAY)?;
        while values.next_element_seed(self)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        self.add(OBJECT)?;
        // A name is counted as a value is, and its member besides.
        while members.next_key_seed(self)?.is_some() {
            self.add(MEMBER)?;
            members.next_value_seed(self)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;
    use crate::tenant::LARGEST_BODY;

    #[test]
    fn text_costs_its_length_and_structure_more() {
        assert_eq!(cost(b"").unwrap(), VALUE);
        assert_eq!(cost(b"7").unwrap(), 1 + VALUE);
        let text = format!("\"{}\"", "x".repeat(1000));
        assert_eq!(cost(text.as_bytes()).unwrap(), 1002 + VALUE);
        let zeros = format!("[{}0]", "0,".repeat(999));
        assert_eq!(cost(zeros.as_bytes()).unwrap(), zeros.len() + ARRAY + 1001 * VALUE);
        let object = br#"{"a":0}"#;
        assert_eq!(cost(object).unwrap(), object.len() + OBJECT + MEMBER + 3 * VALUE);
        // Where it is no JSON any more, nothing is parsed.
        assert_eq!(cost(b"[0,x,0,0]").unwrap(), 9 + ARRAY + 3 * VALUE);
    }

    #[test]
    fn a_body_that_would_not_fit_is_refused() {
        let zeros = format!("[{}0]", "0,".repeat(LARGEST_BODY / 2 - 2));
        assert_eq!(cost(zeros.as_bytes()).unwrap_err().status, 413);
        let text = format!("\"{}\"", "x".repeat(LARGEST_BODY - 2));
        assert!(cost(text.as_bytes()).is_ok());
    }

    #[tokio::test]
    async fn what_is_parsed_waits_for_its_tokens_account() {
        let grant = Grant::new(None, true, crate::tenant::TokenLimits::default());
        let all = grant.parsed(PARSED).await;
        let read = |zeros: usize| {
            let text = format!("[{}0]", "0,".repeat(zeros));
            parse(Body::of(text), &grant, |body| Ok(body.len()))
        };
        assert_eq!(read(0).await.unwrap().value, 3, "a small one waits for nobody");
        let mut large = std::pin::pin!(read(10_000));
        assert!(large.as_mut().now_or_never().is_none());
        drop(all);
        assert!(large.await.unwrap().account.is_some());
    }
}
