//! Typed objects as the values that plans hold.

use serde_json::Value;

/// A typed object as the value that plans hold, with kind and version first, as people write them.
pub fn to_manifest(api_version: &str, kind: &str, object: &impl serde::Serialize) -> Value {
    let mut manifest = serde_json::Map::new();
    manifest.insert("apiVersion".into(), api_version.into());
    manifest.insert("kind".into(), kind.into());
    if let Ok(Value::Object(fields)) = serde_json::to_value(object) {
        manifest.extend(fields.into_iter().filter(|(key, _)| key != "apiVersion" && key != "kind"));
    }
    Value::Object(manifest)
}
