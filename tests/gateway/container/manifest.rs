//! What a rendered manifest says about confgate's container, and the same for podman.

use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::told;

/// One example, as kustomize renders it.
pub(super) struct Manifest {
    objects: Vec<Value>,
    pub(super) pod: Value,
    pub(super) container: Value,
    claims: Vec<Value>,
}

/// What a mounted volume is made of.
pub(super) enum Content {
    /// A `ConfigMap` or a Secret, with the permissions of its files.
    Files(BTreeMap<String, Vec<u8>>, u32),
    /// An `emptyDir` or a claim.
    Room,
}

/// A volume, where it is mounted, and whether for reading alone.
pub(super) struct Mount {
    pub(super) name: String,
    pub(super) path: String,
    pub(super) read_only: bool,
    pub(super) content: Content,
}

impl Manifest {
    /// The example of this name.
    pub(super) fn of(example: &str) -> Self {
        let path = format!("{}/{example}.json", told("CONFGATE_MANIFESTS"));
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
        let objects: Vec<Value> = serde_json::from_str(&text).expect("a list of objects");
        let found = objects.iter().find_map(|object| {
            let pod = &object["spec"]["template"]["spec"];
            let containers =
                ["containers", "initContainers"].into_iter().filter_map(|list| pod[list].as_array());
            let container = containers.flatten().find(|container| container["name"] == "confgate")?;
            let claims = object["spec"]["volumeClaimTemplates"].as_array().cloned().unwrap_or_default();
            Some((pod.clone(), container.clone(), claims))
        });
        let (pod, container, claims) = found.expect("a workload with a container confgate");
        Self { objects, pod, container, claims }
    }

    /// What the container says of its security, or else the pod.
    pub(super) fn security(&self, name: &str) -> &Value {
        let (own, pod) = (&self.container["securityContext"][name], &self.pod["securityContext"][name]);
        if own.is_null() { pod } else { own }
    }

    pub(super) fn number(&self, name: &str) -> Option<u32> {
        self.security(name).as_u64().map(|number| u32::try_from(number).expect("a small number"))
    }

    /// Its limit of memory, in bytes.
    pub(super) fn memory(&self) -> u64 {
        bytes(self.container["resources"]["limits"]["memory"].as_str().expect("a limit of memory"))
    }

    pub(super) fn args(&self) -> Vec<String> {
        let args = self.container["args"].as_array().expect("arguments");
        args.iter().map(|arg| arg.as_str().expect("text").to_owned()).collect()
    }

    /// What the kubelet runs in the container before it sends SIGTERM.
    pub(super) fn pre_stop(&self) -> Option<Vec<String>> {
        let command = self.container["lifecycle"]["preStop"]["exec"]["command"].as_array()?;
        Some(command.iter().map(|word| word.as_str().expect("text").to_owned()).collect())
    }

    /// How long the pod has to end, its `preStop` included.
    pub(super) fn grace(&self) -> Duration {
        Duration::from_secs(self.pod["terminationGracePeriodSeconds"].as_u64().unwrap_or(30))
    }

    /// The security context, the limits and the environment, as podman has them. Its seccomp profile is the runtime's
    /// default already, and nobody in a cluster swaps.
    pub(super) fn flags(&self) -> Vec<String> {
        let mut flags = Vec::new();
        let user = self.number("runAsUser").expect("a user by number");
        let group = self.number("runAsGroup").expect("a group by number");
        flags.push(format!("--user={user}:{group}"));
        flags.extend(self.number("fsGroup").map(|group| format!("--group-add={group}")));
        if self.security("readOnlyRootFilesystem") == true {
            flags.extend(["--read-only".into(), "--read-only-tmpfs=false".into()]);
        }
        if self.security("allowPrivilegeEscalation") == false {
            flags.push("--security-opt=no-new-privileges".into());
        }
        if self.security("seccompProfile")["type"] != "RuntimeDefault" {
            flags.push("--security-opt=seccomp=unconfined".into());
        }
        let dropped = self.security("capabilities")["drop"].as_array().into_iter().flatten();
        flags.extend(dropped.map(|name| format!("--cap-drop={}", name.as_str().expect("a name"))));
        let memory = self.memory();
        flags.extend([format!("--memory={memory}"), format!("--memory-swap={memory}")]);
        if let Some(cpu) = self.container["resources"]["limits"]["cpu"].as_str() {
            flags.push(format!("--cpus={}", cpus(cpu)));
        }
        let variables = self.container["env"].as_array().into_iter().flatten();
        flags.extend(variables.map(|variable| {
            let [name, value] = ["name", "value"].map(|key| variable[key].as_str().expect("text"));
            format!("--env={name}={value}")
        }));
        flags
    }

    /// Its volumes, with what `ConfigMap`s and Secrets of the example hold.
    pub(super) fn mounts(&self) -> Vec<Mount> {
        let mounts = self.container["volumeMounts"].as_array().expect("mounts");
        let mount = |mount: &Value| {
            let name = mount["name"].as_str().expect("a name").to_owned();
            assert!(mount["subPath"].is_null(), "{name} would never change: {mount}");
            Mount {
                path: mount["mountPath"].as_str().expect("a path").to_owned(),
                read_only: mount["readOnly"] == true,
                content: self.content(&name),
                name,
            }
        };
        mounts.iter().map(mount).collect()
    }

    fn content(&self, volume: &str) -> Content {
        if self.claims.iter().any(|claim| claim["metadata"]["name"] == volume) {
            return Content::Room;
        }
        let mut volumes = self.pod["volumes"].as_array().expect("volumes").iter();
        let volume = volumes.find(|known| known["name"] == volume).expect("a volume of the pod");
        let mode = |source: &Value| {
            u32::try_from(source["defaultMode"].as_u64().unwrap_or(0o644)).expect("permissions")
        };
        if let Some(name) = volume["configMap"]["name"].as_str() {
            return Content::Files(self.data("ConfigMap", name), mode(&volume["configMap"]));
        }
        if let Some(name) = volume["secret"]["secretName"].as_str() {
            return Content::Files(self.data("Secret", name), mode(&volume["secret"]));
        }
        assert!(volume["emptyDir"].is_object(), "no volume that is known here: {volume}");
        Content::Room
    }

    fn data(&self, kind: &str, name: &str) -> BTreeMap<String, Vec<u8>> {
        let mut objects = self.objects.iter();
        let object = objects.find(|object| object["kind"] == kind && object["metadata"]["name"] == name);
        let data = object.and_then(|object| object["data"].as_object());
        let data = data.unwrap_or_else(|| panic!("the example has no {kind} {name}"));
        let plain = |text: &str| match kind {
            "Secret" => STANDARD.decode(text).expect("Base64"),
            _ => text.into(),
        };
        data.iter().map(|(key, value)| (key.clone(), plain(value.as_str().expect("text")))).collect()
    }

    /// The objects of these kinds.
    pub(super) fn objects(&self, kinds: &[&str]) -> Vec<Value> {
        let wanted = |object: &&Value| kinds.iter().any(|kind| object["kind"] == *kind);
        self.objects.iter().filter(wanted).cloned().collect()
    }

    /// The claims that its replicas have.
    pub(super) fn claims(&self) -> &[Value] {
        &self.claims
    }
}

/// A quantity of memory, in bytes.
fn bytes(quantity: &str) -> u64 {
    let units = [("Ki", 10), ("Mi", 20), ("Gi", 30)];
    let (number, shift) = units
        .iter()
        .find_map(|(unit, shift)| Some((quantity.strip_suffix(unit)?, *shift)))
        .unwrap_or((quantity, 0));
    number.parse::<u64>().unwrap_or_else(|_| panic!("no quantity: {quantity}")) << shift
}

/// A quantity of CPUs.
fn cpus(quantity: &str) -> f64 {
    let thousandths =
        quantity.strip_suffix('m').map(|number| number.parse::<f64>().map(|cpus| cpus / 1000.0));
    thousandths.unwrap_or_else(|| quantity.parse()).unwrap_or_else(|_| panic!("no quantity: {quantity}"))
}
