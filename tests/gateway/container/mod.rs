//! The image as a cluster runs it: by podman, with the security context, the limits, the environment and the mounts of
//! the manifests in `deploy/kubernetes/examples`, as kustomize renders them. What a kubelet does besides (the layout of
//! mounted files, restarts, `preStop`) the tests do as it does.
//!
//! Two things are other than in a cluster. The network is the machine's own, so ports are free ones instead of the
//! manifest's, and the vendor and the issuer are the tests' own. `.ci/deploy image` builds the image, renders the
//! manifests, and runs these tests.

mod calls;
mod ending;
mod machine;
mod manifest;
mod memory;
mod names;
mod place;
mod play;
mod reload;
mod roots;
mod running;
mod trouble;

/// The manifests, by the name of the example: confgate beside an app, and as an endpoint of many.
const SIDECAR: &str = "sidecar";
const ENDPOINT: &str = "endpoint";

/// What the environment says, which `.ci/deploy image` has set.
fn told(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: run .ci/deploy image"))
}
