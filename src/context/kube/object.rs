//! One object of the list: what is taken of it.

use serde_json::Value;

use super::{DNS_APP, DNS_SERVICES, Node, Pod, Service};
use crate::model::{Address, Span, Timestamp};

/// An object that is of use.
pub(super) enum Object {
    Pod(Pod),
    Service(Service),
    Node(Node),
}

/// What is taken of an object; nothing of kinds that are not needed and of objects whose name no API
/// server would have taken.
pub(super) fn of(value: &Value, kind_of_list: Option<&str>) -> Option<Object> {
    let kind = value["kind"].as_str().or_else(|| kind_of_list?.strip_suffix("List"));
    let metadata = &value["metadata"];
    let name = plain(metadata["name"].as_str()?)?;
    let namespace = || plain(metadata["namespace"].as_str().unwrap_or("default"));
    Some(match kind? {
        "Pod" => Object::Pod(pod(value, namespace()?, name)),
        "Service" => Object::Service(service(value, namespace()?, name)),
        "Node" => Object::Node(Node { name, addresses: node_addresses(value) }),
        _ => return None,
    })
}

/// A name as Kubernetes allows it (RFC 1123 subdomain): such a one may stand in a command.
fn plain(name: &str) -> Option<String> {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-.".contains(c);
    let ends = name.starts_with(['-', '.']) || name.ends_with(['-', '.']);
    ((1..=253).contains(&name.len()) && !ends && name.chars().all(fits)).then(|| name.to_owned())
}

fn pod(value: &Value, namespace: String, name: String) -> Pod {
    let (spec, status, metadata) = (&value["spec"], &value["status"], &value["metadata"]);
    let mut addresses = list(&status["podIPs"], |one| address(&one["ip"]));
    addresses.extend(address(&status["podIP"]).filter(|one| !addresses.contains(one)));
    let config = &spec["dnsConfig"];
    let mut options = config["options"].as_array().into_iter().flatten();
    let ndots = options.find(|option| option["name"] == "ndots");
    let ready = |condition: &Value| condition["type"] == "Ready" && condition["status"] == "True";
    let deleted = time(&metadata["deletionTimestamp"]).map(|over| {
        // The API gives the moment at which the grace period ends.
        let grace = metadata["deletionGracePeriodSeconds"].as_i64().unwrap_or(0).clamp(0, 86_400);
        (over.plus(Span::from_secs(-grace)), over)
    });
    Pod {
        namespace,
        name,
        addresses,
        node: spec["nodeName"].as_str().and_then(plain),
        host_network: spec["hostNetwork"].as_bool().unwrap_or(false),
        dns_policy: spec["dnsPolicy"].as_str().map(str::to_owned),
        ndots: ndots.and_then(|option| option["value"].as_str()?.parse().ok()),
        nameservers: list(&config["nameservers"], address),
        app: app(metadata),
        running: status["phase"] == "Running",
        ready: status["conditions"].as_array().is_some_and(|all| all.iter().any(ready)),
        created: time(&metadata["creationTimestamp"]),
        deleted,
    }
}

fn service(value: &Value, namespace: String, name: String) -> Service {
    let (spec, metadata) = (&value["spec"], &value["metadata"]);
    // A headless Service has the address "None".
    let mut addresses = list(&spec["clusterIPs"], address);
    addresses.extend(address(&spec["clusterIP"]).filter(|one| !addresses.contains(one)));
    let labelled = app(metadata).is_some_and(|app| app == DNS_APP);
    let is_dns = namespace == "kube-system" && (labelled || DNS_SERVICES.contains(&name.as_str()));
    Service { namespace, name, addresses, is_dns }
}

fn node_addresses(value: &Value) -> Vec<Address> {
    list(&value["status"]["addresses"], |one| address(&one["address"]))
}

fn app(metadata: &Value) -> Option<String> {
    metadata["labels"]["k8s-app"].as_str().map(str::to_owned)
}

fn list<T>(value: &Value, of: impl Fn(&Value) -> Option<T>) -> Vec<T> {
    value.as_array().into_iter().flatten().filter_map(of).collect()
}

fn address(value: &Value) -> Option<Address> {
    value.as_str()?.parse().ok()
}

fn time(value: &Value) -> Option<Timestamp> {
    Timestamp::parse(value.as_str()?)
}
