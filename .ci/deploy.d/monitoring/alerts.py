"""What promtool does not see: that each alert is shown firing, that the monitors find what they are to scrape, and that
the operator's objects have the fields that it knows. Writes the dashboard's queries as a file of rules, for promtool."""

import json
import pathlib
import re
import sys

import yaml

root, queries = (pathlib.Path(argument) for argument in sys.argv[1:])
monitoring, endpoint, sidecar = root / "monitoring", root / "endpoint", root / "sidecar"


def load(path):
    """The objects in a file."""
    return [content for content in yaml.safe_load_all(path.read_text()) if content]


def keep_to(fields, content, where):
    """A map that has no fields but these; those with a `!` it must have."""
    known = {field.strip("!") for field in fields}
    needed = {field.strip("!") for field in fields if field.endswith("!")}
    if not isinstance(content, dict) or set(content) - known or needed - set(content):
        sys.exit(f"{where}: {content} is to have {sorted(needed)}, and at most {sorted(known)}")


# The operator's API, monitoring.coreos.com/v1, as far as it is used here.
ENDPOINT = ["port!", "path", "interval", "relabelings"]
SPECS = {
    "PodMonitor": ["selector!", "podMetricsEndpoints!", "namespaceSelector"],
    "ServiceMonitor": ["selector!", "endpoints!", "namespaceSelector"],
    "PrometheusRule": ["groups!"],
}

(rule,) = load(monitoring / "cluster/prometheusrule.yaml")
(pods,) = load(monitoring / "sidecar/podmonitor.yaml")
(services,) = load(monitoring / "endpoint/servicemonitor.yaml")
for content in (rule, pods, services):
    kind = content["kind"]
    keep_to(["apiVersion!", "kind!", "metadata!", "spec!"], content, kind)
    if content["apiVersion"] != "monitoring.coreos.com/v1":
        sys.exit(f"{kind} is of {content['apiVersion']}")
    keep_to(SPECS[kind], content["spec"], kind)
scrapes = pods["spec"]["podMetricsEndpoints"] + services["spec"]["endpoints"]
for scrape in scrapes:
    keep_to(ENDPOINT, scrape, "a monitor")
    if scrape["path"] != "/metrics" or {"targetLabel": "job", "replacement": "confgate"} not in scrape["relabelings"]:
        sys.exit(f"{scrape} does not scrape /metrics as the job that the alerts know")

# The Service that the ServiceMonitor goes by, and the ports of both.
wanted = services["spec"]["selector"]["matchLabels"].items()
found = [service for service in load(endpoint / "service.yaml") if wanted <= service["metadata"]["labels"].items()]
ports = {port["name"]: port["targetPort"] for service in found for port in service["spec"]["ports"]}
asked = {scrape["port"] for scrape in services["spec"]["endpoints"]}
(workload,) = load(endpoint / "statefulset.yaml")
(patch,) = load(sidecar / "patch.yaml")


def open_ports(workload):
    """The ports that its containers name."""
    pod = workload["spec"]["template"]["spec"]
    containers = pod.get("containers", []) + pod.get("initContainers", [])
    return {port["name"] for container in containers for port in container.get("ports", [])}


if len(found) != 1 or asked - set(ports) or {ports[name] for name in asked} - open_ports(workload):
    sys.exit(f"the ServiceMonitor wants {dict(wanted)} with {asked}, and there is {found}")
if {scrape["port"] for scrape in pods["spec"]["podMetricsEndpoints"]} - open_ports(patch):
    sys.exit(f"the sidecar has no port as the PodMonitor wants it: {open_ports(patch)}")

# Each alert of each severity fires in a test.
rules = [rule for group in rule["spec"]["groups"] for rule in group["rules"]]
alerts = {(rule["alert"], rule["labels"]["severity"]) for rule in rules}
(tests,) = load(monitoring / "cluster/prometheusrule_test.yaml")
samples = [
    sample["labels"]
    for test in tests["tests"]
    for query in test.get("promql_expr_test", [])
    for sample in query["exp_samples"]
]
fired = {
    (re.search(r'alertname="(\w+)"', labels)[1], re.search(r'severity="(\w+)"', labels)[1]) for labels in samples
}
if alerts != fired:
    sys.exit(f"no test shows these firing, or they are no alerts: {sorted(alerts ^ fired)}")

# What Grafana puts in place of its variables is of no matter to the syntax.
dashboard = json.loads((monitoring / "cluster/dashboard.json").read_text())
expressions = [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", [])]
expressions += [annotation["expr"] for annotation in dashboard["annotations"]["list"]]
filled = [re.sub(r"\$\w+", ".*", expression.replace("$__rate_interval", "5m")) for expression in expressions]
panels = [{"record": f"dashboard:query:{number}", "expr": expression} for number, expression in enumerate(filled)]
if len(panels) < 40:
    sys.exit(f"only {len(panels)} queries were found on the dashboard")
queries.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": panels}]}))
print(f"{len(alerts)} alerts fire in tests, {len(panels)} queries are on the dashboard")
