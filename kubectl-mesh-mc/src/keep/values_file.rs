//! The user's files of Istio values.

use std::io::Read;
use std::path::Path;

use serde_json::Value;

use mesh_shared::plugin::error::{Error, Result};

/// Most bytes that are read: anything longer is not a values file.
const LIMIT: u64 = 1 << 20;

/// The map in a YAML or JSON file; an empty file is an empty map. `-` is standard input.
///
/// # Errors
/// A usage error with the file and what is wrong with it: missing, too long, not YAML, a duplicate key, not a map.
pub fn read(path: &Path) -> Result<Value> {
    let place = path.display().to_string();
    let fault = |why: String| {
        Error::usage("the values cannot be read")
            .at(place.clone())
            .because(why)
            .fix("name a file with a YAML map of Istio's values, such as `pilot: {replicaCount: 2}`: --values FILE")
    };
    let mut bytes = Vec::new();
    let source: Result<Box<dyn Read>, std::io::Error> = if path.as_os_str() == "-" {
        Ok(Box::new(std::io::stdin()))
    } else {
        std::fs::File::open(path).map(|file| Box::new(file) as Box<dyn Read>)
    };
    source
        .and_then(|source| source.take(LIMIT + 1).read_to_end(&mut bytes))
        .map_err(|error| fault(error.to_string()))?;
    if bytes.len() as u64 > LIMIT {
        return Err(fault(format!("it is longer than {} KiB", LIMIT / 1024)));
    }
    parse(&bytes).map_err(fault)
}

fn parse(bytes: &[u8]) -> Result<Value, String> {
    // Read as YAML's own value first: it refuses a duplicate key, which a JSON value would silently drop.
    let value: serde_yaml::Value = serde_yaml::from_slice(bytes).map_err(|error| error.to_string())?;
    match serde_json::to_value(value).map_err(|error| error.to_string())? {
        Value::Null => Ok(Value::Object(serde_json::Map::new())),
        map @ Value::Object(_) => Ok(map),
        other => Err(format!("it holds {other} instead of a map of values")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_map_is_read_and_nothing_else() {
        assert_eq!(parse(b"pilot:\n  replicaCount: 2\n").unwrap(), serde_json::json!({"pilot": {"replicaCount": 2}}));
        assert_eq!(parse(b"").unwrap(), serde_json::json!({}));
        assert!(parse(b"- a").is_err() && parse(b"a: [").is_err());
    }

    #[test]
    fn a_key_that_stands_twice_is_refused() {
        assert!(parse(b"a: 1\na: 2\n").unwrap_err().contains("duplicate"));
    }
}
