//! Bodies and queries into what the registry takes, with every refusal that needs no sandbox.

use std::time::Duration;

use vtrix_protocol::control::{ListRequest, Payload, Spec};
use vtrix_protocol::limits::MAX_EXTEND_SECONDS;

use super::fields::Fields;
use crate::config::{Config, LONGEST_TTL};
use crate::operations::Create;
use crate::payload;
use crate::quantity::Quantity;
use crate::refusal::Refusal;

/// Owners, image names: an address or a path fits.
const LONGEST_NAME: usize = 256;
/// Kubernetes quantities.
const LONGEST_QUANTITY: usize = 64;
/// Metadata, not storage.
const MOST_LABELS: usize = 64;
const LONGEST_LABEL_NAME: usize = 256;
const LONGEST_LABEL_VALUE: usize = 4096;
/// Routes of a payload.
const LONGEST_API: usize = 256;
/// Variables of a payload's own call; the payload's check bounds them again with its own names.
const MOST_VARIABLES: usize = 4096;

const SECONDS_PER_HOUR: f64 = 3600.0;

pub(super) fn create(body: &[u8], namespace: String, config: &Config) -> Result<Create, Refusal> {
    let mut fields = Fields::parse(body)?;
    let user_id = fields.text("user_id", LONGEST_NAME)?.unwrap_or_default();
    if user_id.trim().is_empty() {
        return Err(Refusal::field("user_id", "must not be empty"));
    }
    let spec = spec(&mut fields, config)?;
    let labels = fields.texts("labels", MOST_LABELS, LONGEST_LABEL_NAME, LONGEST_LABEL_VALUE)?;
    let payloads = payloads(&mut fields)?.unwrap_or_default();
    let ttl = match fields.number("ttl_hours")? {
        None => None,
        Some(hours) => hours_from(hours, "ttl_hours")?,
    };
    Ok(Create { namespace, user_id, spec, labels, payloads, ttl })
}

/// Hours as a duration; `None` for zero, the server's default.
fn hours_from(hours: f64, field: &str) -> Result<Option<Duration>, Refusal> {
    if hours < 0.0 {
        return Err(Refusal::field(field, "must not be negative"));
    }
    if hours == 0.0 {
        return Ok(None);
    }
    let seconds = hours * SECONDS_PER_HOUR;
    if seconds > LONGEST_TTL.as_secs_f64() {
        return Err(Refusal::field(field, "must be at most ten years (87600)"));
    }
    // A lifetime that rounds to nothing is still one.
    Ok(Some(Duration::from_secs_f64(seconds).max(Duration::from_millis(1))))
}

fn spec(fields: &mut Fields, config: &Config) -> Result<Option<Spec>, Refusal> {
    let Some(mut fields) = fields.object("spec")? else { return Ok(None) };
    let mut quantity = |name: &str| -> Result<String, Refusal> {
        let text = fields.text(name, LONGEST_QUANTITY)?.unwrap_or_default();
        if !text.is_empty() {
            Quantity::parse(&text)
                .map_err(|problem| Refusal::field(&format!("spec.{name}"), problem))?;
        }
        Ok(text)
    };
    let spec = Spec {
        cpu: quantity("cpu")?,
        memory: quantity("memory")?,
        requests_cpu: quantity("requests_cpu")?,
        requests_memory: quantity("requests_memory")?,
        image: image(&mut fields, "image", "spec.image", config)?.unwrap_or_default(),
    };
    Ok(Some(spec))
}

fn image(
    fields: &mut Fields,
    field: &str,
    name: &str,
    config: &Config,
) -> Result<Option<String>, Refusal> {
    let image = fields.text(field, LONGEST_NAME)?.filter(|image| !image.is_empty());
    match image {
        Some(image) if !config.has_image(&image) => {
            Err(Refusal::field(name, "is an image that this gateway does not have"))
        }
        image => Ok(image),
    }
}

fn payloads(fields: &mut Fields) -> Result<Option<Vec<Payload>>, Refusal> {
    let Some(objects) = fields.objects("payloads")? else { return Ok(None) };
    let payloads = objects
        .into_iter()
        .map(|mut fields| {
            Ok(Payload {
                api: fields.text("api", LONGEST_API)?.unwrap_or_default(),
                body: fields.value("body"),
                envs: fields.texts("envs", MOST_VARIABLES, usize::MAX, usize::MAX)?,
            })
        })
        .collect::<Result<Vec<_>, Refusal>>()?;
    payload::check(&payloads)?;
    Ok(Some(payloads))
}

pub(super) fn list(mut fields: Fields) -> Result<ListRequest, Refusal> {
    Ok(ListRequest {
        user_id: fields.text("user_id", LONGEST_NAME)?,
        status: fields.text("status", LONGEST_NAME)?,
        limit: fields.integer("limit")?,
        offset: fields.integer("offset")?,
    })
}

/// How much an extend adds. Older clients say `hours`, 0 for the server's default.
pub(super) fn extend(body: &[u8], config: &Config) -> Result<Duration, Refusal> {
    let mut fields = Fields::parse(body)?;
    let (seconds, hours) = (fields.integer("seconds")?, fields.number("hours")?);
    match (seconds, hours) {
        (Some(seconds), _) => match u64::try_from(seconds) {
            Ok(seconds @ 1..=MAX_EXTEND_SECONDS) => Ok(Duration::from_secs(seconds)),
            _ => Err(Refusal::field("seconds", &format!("must be 1 to {MAX_EXTEND_SECONDS}"))),
        },
        (None, Some(hours)) => Ok(hours_from(hours, "hours")?.unwrap_or(config.default_ttl)),
        (None, None) => {
            Err(Refusal::field("seconds", &format!("must be 1 to {MAX_EXTEND_SECONDS}")))
        }
    }
}

/// What an update changes: at least one of the two.
pub(super) fn update(
    body: &[u8],
    config: &Config,
) -> Result<(Option<Spec>, Option<String>), Refusal> {
    let mut fields = Fields::parse(body)?;
    let spec = spec(&mut fields, config)?.filter(|spec| *spec != Spec::default());
    let image = image(&mut fields, "image", "image", config)?;
    if spec.is_none() && image.is_none() {
        return Err(Refusal::field("spec, image", "at least one is needed"));
    }
    if let (Some(spec), Some(image)) = (&spec, &image)
        && !spec.image.is_empty()
        && spec.image != *image
    {
        return Err(Refusal::field("image", "differs from spec.image"));
    }
    Ok((spec, image))
}

/// Payloads for this time; `None` for the stored ones.
pub(super) fn configure(body: &[u8]) -> Result<Option<Vec<Payload>>, Refusal> {
    payloads(&mut Fields::parse(body)?)
}

/// The image of a rolling update.
pub(super) fn rolling(body: &[u8], config: &Config) -> Result<Option<String>, Refusal> {
    image(&mut Fields::parse(body)?, "image", "image", config)
}
