# Values of a wrong form, which the module system refuses before any assertion: each is evaluated by itself, and the message names the option.
let
  case = module: config: says: { inherit module config says; };
  nixen = more: { services.nixen = { enable = true; } // more; };
  host = more: { virtualisation.nixen = { enable = true; } // more; };
in
{
  port-text = case "appliance" (nixen { settings.server.port = "https"; }) "services.nixen.settings.server.port";
  port-high = case "appliance" (nixen { settings.server.port = 70000; }) "services.nixen.settings.server.port";
  level = case "appliance" (nixen { settings.log.level = "loud"; }) "services.nixen.settings.log.level";
  proxies = case "appliance" (nixen { settings.server.trusted_proxies = "10.0.0.1"; }) "services.nixen.settings.server.trusted_proxies";
  misspelt = case "appliance" (nixen { openFirewal = true; }) "services.nixen.openFirewal";
  update-kind = case "appliance" (nixen { updates.kernel.enable = true; }) "services.nixen.updates.kernel";
  keep-none = case "appliance" (nixen { updates = { enable = true; keepGenerations = 0; }; }) "services.nixen.updates.keepGenerations";
  share-comma = case "appliance" (nixen { mounts.a = { type = "nfs"; server = "n"; share = "/x,suid"; }; }) "services.nixen.mounts.a.share";
  option-comma = case "appliance" (nixen { mounts.a = { type = "nfs"; server = "n"; share = "/x"; options = [ "ro,suid" ]; }; }) "services.nixen.mounts.a.options";
  two-line-key = case "appliance" (nixen { appliance.enable = true; appliance.sshKeys = [ "ssh-rsa A\nssh-rsa B" ]; }) "services.nixen.appliance.sshKeys";
  mac-upper = case "host" (host { domains.a.nics.x = { network = "lan"; mac = "52:54:00:AA:00:01"; }; }) "virtualisation.nixen.domains.a.nics.x.mac";
  size = case "host" (host { domains.a.disks.root.size = "20 GB"; }) "virtualisation.nixen.domains.a.disks.root.size";
  memory = case "host" (host { domains.a.memory = "2G"; }) "virtualisation.nixen.domains.a.memory";
  bridge-long = case "host" (host { networks.a.bridge = "a-bridge-with-a-long-name"; }) "virtualisation.nixen.networks.a.bridge";
  tries = case "guest" { services.nixen-guest = { enable = true; bootstrap.tries = 0; }; } "services.nixen-guest.bootstrap.tries";
  flake = case "guest" { services.nixen-guest = { enable = true; bootstrap.flake = "no-name"; }; } "services.nixen-guest.bootstrap.flake";
}
