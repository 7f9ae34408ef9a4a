"""Holds rendered examples to what no schema says: Pod Security's restricted profile, references between objects, and
what confgate itself makes of its configuration in the pod. Usage: objects.py CONFGATE FILE…"""

import base64
import math
import pathlib
import subprocess
import sys
import tempfile
import tomllib

import yaml

# The vendor's own limit for one application, calls a second.
VENDOR_LIMIT = 100
# What a stop may take beside listen.drain_delay and listen.drain_timeout, as config/default.toml says (seconds): for
# receivers of the trail, and for a disk that hangs.
SHIPPING, DISK = 6, 15
# What examples have in place of a private key for checkpoints. Only a real one would do for confgate.
KEY = b"replace-with-the-private-key"
SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600}
# Volumes that the restricted profile knows.
VOLUMES = {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"}

confgate, *files = sys.argv[1:]
problems = []


def hold(condition, where, what):
    if not condition:
        problems.append(f"{where}: {what}")


def seconds(duration):
    unit = duration.lstrip("0123456789.")
    return float(duration.removesuffix(unit)) * SECONDS[unit]


def template(thing):
    """The template of the pods that an object makes, if it makes any."""
    spec = thing.get("spec", {})
    if thing["kind"] == "CronJob":
        spec = spec["jobTemplate"]["spec"]
    return thing if thing["kind"] == "Pod" else spec.get("template")


def containers(pod):
    return pod.get("initContainers", []) + pod["containers"]


def selects(labels, workloads):
    return any(labels.items() <= template(thing).get("metadata", {}).get("labels", {}).items() for thing in workloads)


def restricted(where, pod):
    """https://kubernetes.io/docs/concepts/security/pod-security-standards/, field by field."""
    for field in ("hostNetwork", "hostPID", "hostIPC"):
        hold(not pod.get(field), where, f"{field} is not restricted")
    for volume in pod.get("volumes", []):
        hold(set(volume) - {"name"} <= VOLUMES, where, f"a volume of another kind: {volume}")
    for container in containers(pod):
        own, name = container.get("securityContext", {}), f"{where}, container {container['name']}"
        both = pod.get("securityContext", {}) | own
        capabilities = own.get("capabilities", {})
        hold(own.get("allowPrivilegeEscalation") is False, name, "allowPrivilegeEscalation is not false")
        hold(not own.get("privileged"), name, "it is privileged")
        hold("ALL" in capabilities.get("drop", []), name, "it does not drop ALL capabilities")
        hold(set(capabilities.get("add", [])) <= {"NET_BIND_SERVICE"}, name, "it adds capabilities")
        hold(both.get("runAsNonRoot") is True and both.get("runAsUser") != 0, name, "it may run as root")
        kind = both.get("seccompProfile", {}).get("type")
        hold(kind in ("RuntimeDefault", "Localhost"), name, "it has no seccompProfile")
        hold(own.get("readOnlyRootFilesystem") is True, name, "its root file system is not read-only")
        hold(not any(port.get("hostPort") for port in container.get("ports", [])), name, "it has a hostPort")


def references(objects, workloads):
    """What selects pods selects some, what names a port or another object names one that is there."""
    named = {(thing["kind"], thing["metadata"]["name"]) for thing in objects}
    ports = {port["name"] for workload in workloads for container in containers(template(workload)["spec"])
             for port in container.get("ports", []) if "name" in port}
    for thing in objects:
        kind, spec = thing["kind"], thing.get("spec", {})
        where = f"{kind}/{thing['metadata']['name']}"
        if kind in ("Deployment", "StatefulSet", "PodDisruptionBudget", "Service"):
            selector = spec["selector"] if kind == "Service" else spec["selector"]["matchLabels"]
            hold(selects(selector, workloads), where, f"{selector} selects no pods")
        if kind == "Service":
            for port in spec["ports"]:
                hold(port["targetPort"] in ports, where, f"no container has a port named {port['targetPort']}")
        if kind == "NetworkPolicy":
            selector = spec["podSelector"].get("matchLabels", {})
            hold(selects(selector, workloads), where, f"{selector} selects no pods")
            for rule in spec.get("ingress", []):
                for port in (port["port"] for port in rule["ports"]):
                    hold(isinstance(port, int) or port in ports, where, f"no container has a port named {port}")
        if kind == "HorizontalPodAutoscaler":
            target = spec["scaleTargetRef"]
            hold((target["kind"], target["name"]) in named, where, "its target is not there")
            scaled = [workload for workload in workloads if workload["metadata"]["name"] == target["name"]]
            hold(all("replicas" not in workload["spec"] for workload in scaled), where, "its target sets replicas")
        if kind == "StatefulSet":
            hold(("Service", spec["serviceName"]) in named, where, "its service is not there")
    for workload in workloads:
        pod = template(workload)["spec"]
        where = f"{workload['kind']}/{workload['metadata']['name']}"
        claims = workload["spec"].get("volumeClaimTemplates", [])
        volumes = {volume["name"]: volume for volume in pod.get("volumes", []) + [c["metadata"] for c in claims]}
        for volume in volumes.values():
            for kind, field, name in (("ConfigMap", "configMap", "name"), ("Secret", "secret", "secretName")):
                if field in volume:
                    hold((kind, volume[field][name]) in named, where, f"no {kind} {volume[field][name]}")
        for container in containers(pod):
            own = {port["name"] for port in container.get("ports", []) if "name" in port}
            for mount in container.get("volumeMounts", []):
                hold(mount["name"] in volumes, where, f"no volume {mount['name']}")
                told = {"configMap", "secret", "projected"} & set(volumes.get(mount["name"], {}))
                hold("subPath" not in mount or not told, where, f"{mount['name']} by subPath never changes")
            for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
                asked = container.get(probe, {}).get("httpGet", {}).get("port")
                hold(asked is None or asked in own, where, f"{probe} asks a port that is not there: {asked}")


def effective(where, container, pod, objects):
    """The configuration as confgate reads it in the pod: `confgate check` with the container's environment, and its
    volumes as folders elsewhere. None if it is refused: unknown keys, in the environment too, are."""
    contents = {(thing["kind"], thing["metadata"]["name"]): thing.get("data", {}) for thing in objects}
    volumes = {volume["name"]: volume for volume in pod.get("volumes", [])}
    with tempfile.TemporaryDirectory() as folder:
        mounts = {}
        for mount in container["volumeMounts"]:
            volume = volumes.get(mount["name"], {})
            text = contents.get(("ConfigMap", volume.get("configMap", {}).get("name")), {})
            secret = contents.get(("Secret", volume.get("secret", {}).get("secretName")), {})
            mounts[mount["mountPath"]] = path = pathlib.Path(folder, mount["name"])
            path.mkdir(exist_ok=True)
            for name, content in text.items():
                path.joinpath(name).write_text(content)
            for name, content in secret.items():
                content = base64.b64decode(content)
                if content == KEY:
                    command = ["openssl", "genpkey", "-algorithm", "ed25519"]
                    content = subprocess.run(command, check=True, capture_output=True).stdout
                path.joinpath(name).write_bytes(content)

        def elsewhere(text):
            for mount, path in mounts.items():
                text = text.replace(mount, str(path))
            return text

        for path in pathlib.Path(folder).rglob("*.toml"):
            path.write_text(elsewhere(path.read_text()))
        environment = {item["name"]: elsewhere(item["value"]) for item in container.get("env", []) if "value" in item}
        command = [confgate, "check"] + [elsewhere(argument) for argument in container["args"][1:]]
        checked = subprocess.run(command, env=environment, capture_output=True, text=True)
        hold(checked.returncode == 0, where, f"confgate check says\n{checked.stdout}{checked.stderr}")
        return tomllib.loads(checked.stdout) if checked.returncode == 0 else None


def gateway(where, container, workload, objects):
    """What confgate is told, beside what the pod and the cluster are told about it."""
    pod = template(workload)["spec"]
    config = effective(where, container, pod, objects)
    if config is None:
        return
    listen = config["listen"]
    drain = seconds(listen["drain_delay"]) + seconds(listen["drain_timeout"])
    # A preStop hook of `confgate drain` takes the delay's place; what any other takes, nobody knows here.
    hook = container.get("lifecycle", {}).get("preStop")
    admin = int(config["admin"]["address"].rsplit(":", 1)[1])
    drains = {"exec": {"command": ["/confgate", "drain", "--admin", f"127.0.0.1:{admin}"]}}
    hold(hook in (None, drains), where, f"a preStop hook that is not {drains}")
    needed = drain + DISK + (SHIPPING if config["audit"].get("ship") else 0)
    grace = pod.get("terminationGracePeriodSeconds", 30)
    hold(grace > needed, where, f"the grace period of {grace} s does not exceed the {needed} s of a stop")
    longest = max(seconds(listen["request_timeout"]), seconds(config["upstream"]["total_timeout"]))
    is_sidecar = container in pod.get("initContainers", [])
    hold(is_sidecar or seconds(listen["drain_timeout"]) >= longest, where, "a request may outlast drain_timeout")
    hold(not is_sidecar or container.get("restartPolicy") == "Always", where, "it is no sidecar, but runs once")

    ports = {port["containerPort"] for port in container["ports"]}
    host, port = listen["address"].rsplit(":", 1)
    hold(host == "127.0.0.1" if is_sidecar else int(port) in ports, where, f"it listens on {listen['address']}")
    hold(admin in ports, where, "the admin port is not the pod's")
    cpus = container["resources"]["limits"]["cpu"]
    hold(str(listen["workers"]) == str(cpus), where, f"{listen['workers']} workers, but {cpus} CPUs")

    policies = [thing["spec"] for thing in objects if thing["kind"] == "NetworkPolicy"]
    # A policy that denies all alone would leave it without callers and without the vendor.
    guards = [policy for policy in policies if len(policy["policyTypes"]) == 2
              and policy.get("ingress") and policy.get("egress")
              and selects(policy["podSelector"].get("matchLabels", {}), [workload])]
    hold(guards, where, "no NetworkPolicy closes both directions but for what it needs")

    replicas = [thing["spec"]["maxReplicas"] for thing in objects if thing["kind"] == "HorizontalPodAutoscaler"
                and thing["spec"]["scaleTargetRef"]["name"] == workload["metadata"]["name"]]
    pods = replicas[0] if replicas else workload["spec"].get("replicas", 1)
    # A Deployment's rollout makes a quarter more for a while.
    pods += math.ceil(pods / 4) if workload["kind"] == "Deployment" else 0
    for name, app in config["apps"].items():
        together = app["budget"]["rate"] / seconds(app["budget"]["per"]) * pods
        hold(together < VENDOR_LIMIT, where, f"{pods} pods may ask {name} {together:g} times a second")


for file in files:
    everything = [thing for thing in yaml.safe_load_all(pathlib.Path(file).read_text()) if thing]
    guarded = {thing["metadata"]["name"] for thing in everything if thing["kind"] == "Namespace"
               and thing["metadata"].get("labels", {}).get("pod-security.kubernetes.io/enforce") == "restricted"}
    gateways = 0
    for namespace in sorted({thing["metadata"].get("namespace", "") for thing in everything}):
        objects = [thing for thing in everything if thing["metadata"].get("namespace", "") == namespace]
        workloads = [thing for thing in objects if template(thing)]
        references(objects, workloads)
        hold(not workloads or namespace in guarded, file, f"namespace {namespace} does not enforce `restricted`")
        for workload in workloads:
            where = f"{file}: {workload['kind']}/{workload['metadata']['name']}"
            pod = template(workload)["spec"]
            restricted(where, pod)
            for container in containers(pod):
                if container.get("args", [""])[0] == "serve":
                    gateways += 1
                    gateway(where, container, workload, objects)
    hold(gateways, file, "nothing in it runs confgate")
    print(f"held {file}: {len(everything)} objects, {gateways} gateways")

sys.exit("\n".join(problems) if problems else 0)
