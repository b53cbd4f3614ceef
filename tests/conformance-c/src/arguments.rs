//! A step's arguments, read by name and type, and kept alive while the library is lent them.

use serde_json::{Map, Value as Json};
use vtrix_conformance::value::generate;

use crate::call::Failure;
use crate::library::*;
use crate::owned::{lent, lent_or_none};

/// A step's arguments. Reading one of the wrong type is the scenario's mistake.
#[derive(Clone, Copy)]
pub(crate) struct Arguments<'a>(pub(crate) &'a Map<String, Json>);

impl<'a> Arguments<'a> {
    fn typed<T>(
        self,
        name: &str,
        read: impl FnOnce(&'a Json) -> Option<T>,
    ) -> Result<Option<T>, Failure> {
        let Some(json) = self.0.get(name) else { return Ok(None) };
        read(json).map(Some).ok_or_else(|| format!("`{name}` can't be {json}").into())
    }

    pub(crate) fn bytes(self, name: &str) -> Result<Option<Vec<u8>>, Failure> {
        Ok(self.0.get(name).map(generate).transpose()?.map(Into::into))
    }

    pub(crate) fn needed_bytes(self, name: &str) -> Result<Vec<u8>, Failure> {
        self.bytes(name)?.ok_or_else(|| format!("`{name}` is missing").into())
    }

    pub(crate) fn text(self, name: &str) -> Result<Option<String>, Failure> {
        self.bytes(name)?.map(as_text).transpose()
    }

    pub(crate) fn needed_text(self, name: &str) -> Result<String, Failure> {
        as_text(self.needed_bytes(name)?)
    }

    /// A count; 0, which is the default everywhere, if it is not there.
    pub(crate) fn count(self, name: &str) -> Result<u64, Failure> {
        Ok(self.typed(name, Json::as_u64)?.unwrap_or_default())
    }

    pub(crate) fn number(self, name: &str) -> Result<f64, Failure> {
        Ok(self.typed(name, Json::as_f64)?.unwrap_or_default())
    }

    /// Seconds as milliseconds.
    pub(crate) fn millis(self, name: &str) -> Result<u64, Failure> {
        #[expect(clippy::cast_sign_loss, reason = "no scenario has a negative time")]
        Ok((self.number(name)? * 1000.0).round() as u64)
    }

    pub(crate) fn flag(self, name: &str) -> Result<bool, Failure> {
        Ok(self.typed(name, Json::as_bool)?.unwrap_or(false))
    }

    pub(crate) fn has(self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    fn items(self, name: &str) -> Result<&'a [Json], Failure> {
        Ok(self.typed(name, Json::as_array)?.map(Vec::as_slice).unwrap_or_default())
    }

    pub(crate) fn texts(self, name: &str) -> Result<Vec<String>, Failure> {
        self.items(name)?.iter().map(|item| as_text(generate(item)?.into())).collect()
    }

    /// The objects of a list, each as arguments of its own.
    pub(crate) fn objects(self, name: &str) -> Result<Vec<Arguments<'a>>, Failure> {
        let items = self.items(name)?.iter();
        items
            .map(|item| item.as_object().map(Arguments).ok_or_else(|| format!("no {item}").into()))
            .collect()
    }

    pub(crate) fn pairs(self, name: &str) -> Result<Pairs, Failure> {
        let mut texts = Vec::new();
        if let Some(fields) = self.typed(name, Json::as_object)? {
            for (name, value) in fields {
                texts.push((name.clone(), as_text(generate(value)?.into())?));
            }
        }
        Ok(Pairs::new(texts))
    }

    pub(crate) fn spec(self) -> Result<Option<Spec>, Failure> {
        let Some(fields) = self.typed("spec", Json::as_object)? else { return Ok(None) };
        let given = Arguments(fields);
        let mut texts = Vec::new();
        for name in ["cpu", "memory", "image", "requests_cpu", "requests_memory"] {
            texts.push(given.text(name)?);
        }
        if let Some(name) = fields.keys().find(|name| {
            !["cpu", "memory", "image", "requests_cpu", "requests_memory"].contains(&name.as_str())
        }) {
            return Err(format!("a spec has no `{name}`").into());
        }
        Ok(Some(Spec { texts }))
    }

    pub(crate) fn payloads(self) -> Result<Payloads, Failure> {
        let given = self.objects("payloads")?.into_iter().map(|payload| {
            let body = payload.0.get("body").map(Json::to_string);
            Ok((payload.needed_text("api")?, body, payload.pairs("envs")?))
        });
        let texts = given.collect::<Result<Vec<_>, Failure>>()?;
        Ok(Payloads { texts })
    }
}

fn as_text(bytes: Vec<u8>) -> Result<String, Failure> {
    String::from_utf8(bytes).map_err(|_| "an argument that is no text".into())
}

/// Names and values, and the library's view of them.
pub(crate) struct Pairs {
    _texts: Vec<(String, String)>,
    pub(crate) lent: Vec<vtrix_pair>,
}

impl Pairs {
    pub(crate) fn new(texts: Vec<(String, String)>) -> Self {
        // A text does not move with the vector that it is in.
        let lent = texts.iter().map(|(n, v)| vtrix_pair { name: lent(n), value: lent(v) });
        let lent = lent.collect();
        Self { _texts: texts, lent }
    }
}

/// A spec's texts.
pub(crate) struct Spec {
    texts: Vec<Option<String>>,
}

impl Spec {
    pub(crate) fn lent(&self) -> vtrix_spec {
        let mut spec = initialized(c().vtrix_spec_init);
        let text = |at: usize| lent_or_none(self.texts[at].as_deref());
        (spec.cpu, spec.memory, spec.image) = (text(0), text(1), text(2));
        (spec.requests_cpu, spec.requests_memory) = (text(3), text(4));
        spec
    }
}

/// Payloads' texts.
pub(crate) struct Payloads {
    texts: Vec<(String, Option<String>, Pairs)>,
}

impl Payloads {
    pub(crate) fn lent(&self) -> Vec<vtrix_payload> {
        let lend = |(api, body, envs): &(String, Option<String>, Pairs)| vtrix_payload {
            api: lent(api),
            body_json: lent_or_none(body.as_deref()),
            envs: envs.lent.as_ptr(),
            envs_len: envs.lent.len(),
            reserved: [0; 4],
        };
        self.texts.iter().map(lend).collect()
    }
}

/// Options as their own function sets them up.
pub(crate) fn initialized<T>(init: unsafe extern "C" fn(*mut T, usize)) -> T {
    let mut options = std::mem::MaybeUninit::uninit();
    // SAFETY: there is room for as many bytes as are named, and the function writes all of them.
    unsafe {
        init(options.as_mut_ptr(), size_of::<T>());
        options.assume_init()
    }
}
