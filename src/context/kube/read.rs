//! JSON, one object at a time.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::object::{self, Object};
use crate::context::{Malformed, Text, quoted};

/// Hands every object of use on, and tells how many there were in all.
pub(super) fn objects(text: Text<'_>, take: &mut dyn FnMut(Object)) -> Result<u64, Malformed> {
    let first = text.lines().find(|(_, line)| !line.is_empty());
    if let Some((number, line)) = first.filter(|(_, line)| !line.starts_with(['{', '['])) {
        let what = format!("expected JSON (`kubectl get ... -o json`), found {}", quoted(line));
        return Err(text.malformed(number, what));
    }
    let mut all = All { take, seen: 0 };
    // Several outputs in one file follow each other.
    let mut rest = serde_json::Deserializer::from_str(text.text);
    while rest.end().is_err() {
        let read = Top(&mut all).deserialize(&mut rest);
        read.map_err(|error| {
            // serde_json puts the place behind its message; it stands in front here.
            let message = error.to_string();
            let what = message.split(" at line ").next().unwrap_or(&message);
            text.malformed(error.line().max(1) as u64, format!("this is not JSON: {what}"))
        })?;
    }
    Ok(all.seen)
}

struct All<'a> {
    take: &'a mut dyn FnMut(Object),
    seen: u64,
}

impl All<'_> {
    fn one(&mut self, value: &Value, kind_of_list: Option<&str>) {
        self.seen += 1;
        if let Some(object) = object::of(value, kind_of_list) {
            (self.take)(object);
        }
    }
}

/// A list of objects, an object, or an array of them.
struct Top<'a, 'b>(&'a mut All<'b>);

impl<'de> DeserializeSeed<'de> for Top<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Top<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of Kubernetes objects")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<(), A::Error> {
        Items(self.0, None).visit_seq(items)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut others = Map::new();
        let mut listed = false;
        while let Some(key) = map.next_key::<String>()? {
            if key == "items" {
                let kind = others.get("kind").and_then(Value::as_str).map(str::to_owned);
                map.next_value_seed(Items(self.0, kind))?;
                listed = true;
            } else {
                others.insert(key, map.next_value()?);
            }
        }
        if !listed {
            self.0.one(&Value::Object(others), None);
        }
        Ok(())
    }
}

/// The objects of a list; those of a `PodList` need not say that they are pods.
struct Items<'a, 'b>(&'a mut All<'b>, Option<String>);

impl<'de> DeserializeSeed<'de> for Items<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Items<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of Kubernetes objects")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while let Some(value) = items.next_element::<Value>()? {
            self.0.one(&value, self.1.as_deref());
        }
        Ok(())
    }
}
