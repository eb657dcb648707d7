//! Where something runs.

use serde::Serialize;

/// Where something runs. A part that is not known is empty.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Locality {
    /// Label `topology.kubernetes.io/region`, or the first part of `topology.istio.io/locality`.
    pub region: String,
    /// Label `topology.kubernetes.io/zone`, or the second part.
    pub zone: String,
    /// Label `topology.istio.io/subzone`, or the third part.
    pub sub_zone: String,
}

impl Locality {
    /// `region/zone/sub-zone` as far as known; empty if nothing is.
    pub fn path(&self) -> String {
        let parts = [&self.region, &self.zone, &self.sub_zone];
        let known = parts.iter().take_while(|part| !part.is_empty()).count();
        parts.iter().take(known).map(|part| part.as_str()).collect::<Vec<_>>().join("/")
    }
}
