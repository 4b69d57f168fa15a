//! Parts: what messages and artifacts are made of (v1.0 section 4.1.6, v0.3 section 6.5).
//!
//! 1.0 names the content by the member that holds it. 0.3 has a text, a file and a data part, and `data` is an object there. A `data`
//! that is none travels as the Python SDK sends it: `{"value": …}`, marked in the part's metadata. The file name and the media type of
//! a part that is no file have no member in 0.3, and go in the part's metadata as well.
//!
//! Over HTTP+JSON, a file's bytes are in base64 once, as ProtoJSON has it. The Python SDK (0.3.26 and 1.3.0) encodes them twice there and
//! expects that of others; what it sends is passed on as it is, because nothing tells such bytes from a file that holds base64.

use serde_json::{Value, json};

use super::object::{Object, Shape};
use super::refusal::Refusal;
use super::way::{Older, Towards, Way};

/// In a part's metadata, 0.3: `data` is a wrapped value. The Python SDK's name.
const WRAPPED: &str = "data_part_compat";
/// In a part's metadata, 0.3: what the part's 1.0 member of that name says.
const CARRIED: [(&str, &str); 2] = [("filename", "a2a-1.0/filename"), ("mediaType", "a2a-1.0/mediaType")];
/// The members that are content, one of which a 1.0 part has.
const CONTENT: [&str; 4] = ["text", "raw", "url", "data"];

const V1: Shape = Shape {
    what: "part",
    texts: &["text", "raw", "url", "filename", "mediaType"],
    objects: &["metadata"],
    lists: &[],
    others: &[],
};
const RPC: Shape =
    Shape { what: "part", texts: &["kind", "text"], objects: &["metadata", "file", "data"], lists: &[], others: &[] };
const REST: Shape =
    Shape { what: "part", texts: &["text"], objects: &["metadata", "file", "data"], lists: &[], others: &[] };
const RPC_FILE: Shape =
    Shape { what: "part.file", texts: &["bytes", "uri", "mimeType", "name"], objects: &[], lists: &[], others: &[] };
const REST_FILE: Shape = Shape {
    what: "part.file",
    texts: &["fileWithBytes", "fileWithUri", "mimeType", "name"],
    objects: &[],
    lists: &[],
    others: &[],
};
const REST_DATA: Shape = Shape { what: "part.data", texts: &[], objects: &["data"], lists: &[], others: &[] };

/// A part, `way`.
pub(super) fn part(value: Value, way: Way) -> Result<Value, Refusal> {
    match way.towards {
        Towards::Hub => to_hub(value, way),
        Towards::Older => from_hub(value, way),
    }
}

fn to_hub(value: Value, way: Way) -> Result<Value, Refusal> {
    let mut part = Object::read(value, if way.older == Older::Rpc { &RPC } else { &REST }, way)?;
    let found: Vec<_> = ["text", "file", "data"].into_iter().filter(|name| part.get(name).is_some()).collect();
    let &[content] = found.as_slice() else {
        return Err(way.malformed("part must have one of text, file, data"));
    };
    if way.older == Older::Rpc && part.take("kind").is_some_and(|kind| kind != content) {
        return Err(part.malformed("kind", "must be the name of the content"));
    }
    match content {
        "file" => file_to_hub(&mut part, way)?,
        "data" => data_to_hub(&mut part, way)?,
        _ => {}
    }
    if content != "file" {
        uncarry(&mut part)?;
    }
    Ok(part.into_value())
}

fn from_hub(value: Value, way: Way) -> Result<Value, Refusal> {
    let mut part = Object::read(value, &V1, way)?;
    let found: Vec<_> = CONTENT.into_iter().filter(|name| part.get(name).is_some()).collect();
    let &[content] = found.as_slice() else {
        return Err(way.content("part must have one of text, raw, url, data"));
    };
    part.drop_empty(&["filename", "mediaType"]);
    let kind = match content {
        "raw" | "url" => {
            file_from_hub(&mut part, way);
            "file"
        }
        _ => {
            carry(&mut part, way)?;
            if content == "data" {
                data_from_hub(&mut part, way)?;
            }
            content
        }
    };
    if way.older == Older::Rpc {
        part.put("kind", kind);
    }
    Ok(part.into_value())
}

fn file_names(older: Older) -> (&'static Shape, &'static str, &'static str) {
    match older {
        Older::Rpc => (&RPC_FILE, "bytes", "uri"),
        Older::Rest => (&REST_FILE, "fileWithBytes", "fileWithUri"),
    }
}

fn file_to_hub(part: &mut Object, way: Way) -> Result<(), Refusal> {
    let (shape, bytes, uri) = file_names(way.older);
    let mut file = Object::read(part.take("file").unwrap_or_default(), shape, way)?;
    let (name, content) = match (file.take(bytes), file.take(uri)) {
        (Some(content), None) => ("raw", content),
        (None, Some(content)) => ("url", content),
        _ => return Err(way.malformed(format!("part.file must have one of {bytes}, {uri}"))),
    };
    part.put(name, content);
    for (older, hub) in [("mimeType", "mediaType"), ("name", "filename")] {
        if let Some(value) = file.take(older) {
            part.put(hub, value);
        }
    }
    if file.is_empty() { Ok(()) } else { Err(way.malformed("part.file has members that cannot be said in A2A 1.0")) }
}

fn file_from_hub(part: &mut Object, way: Way) {
    let (_, bytes, uri) = file_names(way.older);
    let mut file = Object::new("part.file", way);
    for (hub, older) in [("raw", bytes), ("url", uri), ("mediaType", "mimeType"), ("filename", "name")] {
        if let Some(value) = part.take(hub) {
            file.put(older, if hub == "raw" { plain_base64(value) } else { value });
        }
    }
    part.put("file", file.into_value());
}

/// The standard alphabet with padding: ProtoJSON readers take both alphabets and either padding, readers of 0.3 only this.
fn plain_base64(value: Value) -> Value {
    let Value::String(text) = value else { return value };
    let mut text = text.replace('-', "+").replace('_', "/");
    while !text.len().is_multiple_of(4) {
        text.push('=');
    }
    Value::String(text)
}

fn data_to_hub(part: &mut Object, way: Way) -> Result<(), Refusal> {
    let mut data = part.take("data").unwrap_or_default();
    if way.older == Older::Rest {
        let mut inner = Object::read(data, &REST_DATA, way)?;
        data = inner.take("data").unwrap_or_else(|| json!({}));
    }
    if part.get("metadata").and_then(|metadata| metadata.get(WRAPPED)) == Some(&Value::Bool(true)) {
        take_note(part, WRAPPED);
        let value = data.as_object_mut().and_then(|data| data.remove("value"));
        data = value.ok_or_else(|| part.malformed("data", "must have the value that its metadata announces"))?;
    }
    part.put("data", data);
    Ok(())
}

fn data_from_hub(part: &mut Object, way: Way) -> Result<(), Refusal> {
    let mut data = part.take("data").unwrap_or_default();
    if !data.is_object() {
        note(part, WRAPPED, Value::Bool(true), way)?;
        data = json!({ "value": data });
    } else if has_note(part, WRAPPED) {
        return Err(way.content(format!("part.metadata.{WRAPPED} would be taken for the gateway's")));
    }
    part.put("data", if way.older == Older::Rest { json!({ "data": data }) } else { data });
    Ok(())
}

/// Puts what only files have members for into the metadata.
fn carry(part: &mut Object, way: Way) -> Result<(), Refusal> {
    for (name, carried) in CARRIED {
        if let Some(value) = part.take(name) {
            note(part, carried, value, way)?;
        } else if has_note(part, carried) {
            return Err(way.content(format!("part.metadata.{carried} would be taken for the gateway's")));
        }
    }
    Ok(())
}

fn uncarry(part: &mut Object) -> Result<(), Refusal> {
    for (name, carried) in CARRIED {
        match take_note(part, carried) {
            None => {}
            Some(value @ Value::String(_)) => part.put(name, value),
            Some(_) => return Err(part.malformed("metadata", &format!("must have a string as {carried}"))),
        }
    }
    Ok(())
}

fn has_note(part: &Object, name: &str) -> bool {
    part.get("metadata").is_some_and(|metadata| metadata.get(name).is_some())
}

fn note(part: &mut Object, name: &str, value: Value, way: Way) -> Result<(), Refusal> {
    let mut metadata = part.take("metadata").unwrap_or_else(|| json!({}));
    let taken = metadata.as_object_mut().is_none_or(|notes| notes.insert(name.to_owned(), value).is_some());
    part.put("metadata", metadata);
    if taken { Err(way.content(format!("part.metadata.{name} is the gateway's to set"))) } else { Ok(()) }
}

/// Takes a note back; metadata that held nothing else goes with it.
fn take_note(part: &mut Object, name: &str) -> Option<Value> {
    let mut metadata = part.take("metadata")?;
    let value = metadata.as_object_mut().and_then(|notes| notes.remove(name));
    if value.is_none() || metadata.as_object().is_some_and(|notes| !notes.is_empty()) {
        part.put("metadata", metadata);
    }
    value
}
