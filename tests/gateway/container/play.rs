//! The endpoint by `podman kube play`, from the rendered manifests.
//!
//! podman 4.3 plays Pods and Deployments with `ConfigMap`s, Secrets and claims, and passes over all other kinds: of a
//! `StatefulSet` it makes nothing, so that its template is played as the Pod that Kubernetes makes of it. For the end
//! of an init container it waits, whatever its restart policy, so that the sidecar is run by its flags alone.

use std::fs;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::ENDPOINT;
use super::machine::{is_held_to, must, podman};
use super::manifest::Manifest;
use super::place::{CONFIG, SECRET, new_name, pointed_at, value_of};
use super::running::Container;
use crate::support::CREATE;
use crate::support::issuer::Issuer;
use crate::support::vendor::Vendor;

/// What is played, taken down again however the test ends.
struct Played {
    directory: TempDir,
    name: String,
}

impl Drop for Played {
    fn drop(&mut self) {
        let _ = podman(["kube", "down"]).arg(self.directory.path().join("pod.json")).output();
        let volumes =
            podman(["volume", "ls", "--quiet", "--filter"]).arg(format!("name={}", self.name)).output();
        let volumes = volumes.map(|listed| String::from_utf8_lossy(&listed.stdout).into_owned());
        for volume in volumes.unwrap_or_default().lines() {
            let _ = podman(["volume", "rm", "--force", volume]).output();
        }
        let _ = podman(["secret", "rm", &format!("{}-secrets", self.name)]).output();
    }
}

/// What Kubernetes makes of the workload's template, with names of the test's own, as podman has them for all pods.
fn pod(manifest: &Manifest, name: &str, (vendor, issuer): (&Vendor, &Issuer)) -> Vec<Value> {
    let mut objects = manifest.objects(&["ConfigMap", "Secret"]);
    for object in &mut objects {
        let kind = if object["kind"] == "Secret" { "secrets" } else { "config" };
        object["metadata"] = json!({ "name": format!("{name}-{kind}") });
        if let Some(Value::String(text)) = object["data"].get_mut(CONFIG) {
            *text = pointed_at(text, vendor, issuer);
        }
    }
    let mut spec = manifest.pod.clone();
    let volumes = spec["volumes"].as_array_mut().expect("volumes");
    for volume in &mut *volumes {
        if volume["configMap"].is_object() {
            volume["configMap"]["name"] = format!("{name}-config").into();
        }
        if volume["secret"].is_object() {
            volume["secret"]["secretName"] = format!("{name}-secrets").into();
            // podman 4.3 ends with a segmentation fault where this is left to its default.
            volume["secret"]["optional"] = false.into();
        }
    }
    for claim in manifest.claims() {
        let (volume, claimed) = (&claim["metadata"]["name"], format!("{name}-claim"));
        volumes.push(json!({ "name": volume, "persistentVolumeClaim": { "claimName": claimed } }));
        let metadata = json!({ "name": claimed });
        let kind = "PersistentVolumeClaim";
        objects
            .push(json!({ "apiVersion": "v1", "kind": kind, "metadata": metadata, "spec": claim["spec"] }));
    }
    // The machine's network, and free ports of it; podman publishes no port there, and runs no probe at all.
    spec["hostNetwork"] = true.into();
    let container = &mut spec["containers"][0];
    for key in ["ports", "startupProbe", "livenessProbe", "readinessProbe", "lifecycle"] {
        container.as_object_mut().expect("a container").remove(key);
    }
    container["image"] = super::told("CONFGATE_IMAGE").into();
    container["imagePullPolicy"] = "Never".into();
    let variables = container["env"].as_array_mut().expect("variables");
    for key in ["LISTEN", "ADMIN"] {
        let key = format!("CONFGATE__{key}__ADDRESS");
        variables.retain(|variable| variable["name"] != key);
        variables.push(json!({ "name": key, "value": "127.0.0.1:0" }));
    }
    let metadata = json!({ "name": name, "labels": { "app.kubernetes.io/name": "confgate" } });
    objects.push(json!({ "apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec }));
    objects
}

async fn play(played: &Played, objects: &[Value]) {
    let file = played.directory.path().join("pod.json");
    let documents: Vec<String> = objects.iter().map(Value::to_string).collect();
    fs::write(&file, documents.join("\n---\n")).expect("a file");
    // As `--ulimit` does for a container that is run; and away from directories that it would take for images to build.
    let settings = played.directory.path().join("containers.conf");
    let limits = "[containers]\ndefault_ulimits = [\"nofile=1024:1024\", \"nproc=1024:1024\"]\n";
    fs::write(&settings, limits).expect("a file");
    let mut command = podman(["kube", "play"]);
    command.arg(&file).env("CONTAINERS_CONF", settings).current_dir(played.directory.path());
    must(command).await;
}

#[tokio::test]
#[ignore = "needs the image, which .ci/deploy image builds"]
async fn the_endpoints_pod_plays() {
    let manifest = Manifest::of(ENDPOINT);
    let config = manifest.objects(&["ConfigMap"])[0]["data"][CONFIG].as_str().expect("text").to_owned();
    let (vendor, issuer) = (Vendor::start().await, Issuer::named(value_of(&config, "issuer")).await);
    let played = Played { directory: TempDir::new().expect("a directory"), name: new_name() };
    play(&played, &pod(&manifest, &played.name, (&vendor, &issuer))).await;
    let log = podman([
        "inspect",
        "--format",
        "{{.HostConfig.LogConfig.Path}}",
        &format!("{}-confgate", played.name),
    ]);
    let container = Container::known(&format!("{}-confgate", played.name), must(log).await.trim().into());
    let serving = container.serving().await;
    serving.until_readyz(200).await;

    is_held_to(&manifest, container.process().await);
    let bearer = issuer.token().bearer();
    for (method, path, body) in [("POST", "/conferences", CREATE), ("GET", "/conferences/IM3", "")] {
        let answer = serving.call(&bearer, method, path, body).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    assert_eq!(vendor.calls().len(), 2);
    // podman 4.3 mounts a Secret as it is written, in Base64.
    let secret = manifest.objects(&["Secret"])[0]["data"][SECRET].clone();
    let body = String::from_utf8(vendor.token_calls()[0].body.clone()).expect("text");
    assert!(body.contains(secret.as_str().expect("text")), "the Secret is not what was sent: {body}");
    let verified = container.exec(&["/confgate", "audit", "verify", "/var/lib/confgate/audit"]).await;
    assert!(verified.starts_with("whole"), "{verified}");
}
