# Bad values of the appliance, each with what its message must say: the option, and the way out.
let
  ok = {
    enable = true;
    configurationVersion = 1;
    appliance.enable = true;
    appliance.sshKeys = [ "ssh-ed25519 AAAA admin" ];
  };
  with' = more: { services.nixen = more; };
  case = config: says: {
    module = "appliance";
    inherit config says;
  };
in
{
  no-keys = case (with' (ok // { appliance.enable = true; })) [ "services.nixen.appliance.sshKeys is empty" "id_ed25519.pub" ];
  private-key = case (with' (ok // { appliance = { enable = true; sshKeys = [ "-----BEGIN OPENSSH PRIVATE KEY-----" ]; }; })) [ "services.nixen.appliance.sshKeys holds a private key" ];
  older = case (with' (ok // { configurationVersion = 1000; })) [ "services.nixen.configurationVersion is 1000" "nix flake update nixen" ];
  unknown-setting = case (with' (ok // { settings.server.prot = 1; })) [ "services.nixen.settings.server.prot" "server.port" ];
  unknown-group = case (with' (ok // { settings.sever.port = 1; })) [ "services.nixen.settings.sever.port" "server.port" ];
  unknown-word = case (with' (ok // { settings.colour = "blue"; })) [ "services.nixen.settings.colour" "log.level" ];
  secret-setting = case (with' (ok // { settings.database.url = "postgres://n:p@db/n"; })) [ "services.nixen.settings.database.url may hold a password" "services.nixen.database.urlFile" ];
  tls-files = case (with' (ok // { tls.mode = "files"; })) [ "services.nixen.tls.certificateFile" "services.nixen.tls.keyFile" ];
  tls-store = case (with' (ok // { tls = { mode = "files"; certificateFile = "/etc/c.pem"; keyFile = "/nix/store/00000000000000000000000000000000-key.pem"; }; })) [ "services.nixen.tls.keyFile is /nix/store/" "in quotes" ];
  tls-acme = case (with' (ok // { tls.mode = "acme"; })) [ "set services.nixen.tls.acme.domain" "set services.nixen.tls.acme.email" ];
  tls-off = case (with' (ok // { tls.mode = "off"; })) [ "services.nixen.tls.mode is \"off\" and services.nixen.openFirewall is set" ];
  redirect-off = case (with' (ok // { tls.mode = "off"; openFirewall = false; redirect.enable = true; })) [ "services.nixen.redirect.enable sends people to HTTPS" ];
  port-ssh = case (with' (ok // { settings.server.port = 22; })) [ "services.nixen.settings.server.port and services.openssh.ports both want port 22" ];
  port-redirect = case (with' (ok // { redirect.port = 443; })) [ "services.nixen.redirect.port and services.nixen.settings.server.port both want port 443" ];
  port-nginx = case { services.nixen = ok; services.nginx.enable = true; } [ "services.nginx.defaultSSLListenPort both want port 443" "services.nginx.defaultHTTPListenPort both want port 80" ];
  port-acme = case (with' (ok // { redirect.enable = true; tls = { mode = "acme"; acme.domain = "n.example.net"; acme.email = "a@example.net"; }; })) [ "both want port 80" ];
  database-both = case (with' (ok // { database = { type = "postgresql"; createLocally = true; urlFile = "/run/url"; }; stateBackup.enable = false; updates.snapshot = false; })) [ "services.nixen.database: either createLocally or urlFile" ];
  database-sqlite = case (with' (ok // { database.urlFile = "/run/url"; stateBackup.enable = false; })) [ "services.nixen.database.urlFile is set and services.nixen.database.type is \"sqlite\"" ];
  backup-elsewhere = case (with' (ok // { database = { type = "postgresql"; urlFile = "/run/url"; }; stateBackup.enable = true; })) [ "services.nixen.stateBackup.enable cannot copy a database that is elsewhere" ];
  snapshot = case (with' (ok // { stateBackup.enable = false; updates = { enable = true; snapshot = true; }; })) [ "services.nixen.updates.snapshot needs services.nixen.stateBackup.enable" ];
  prometheus = case (with' (ok // { prometheus.enable = true; })) [ "services.nixen.prometheus.tokenFile is not set" "nixen token create" ];
  two-gc = case (with' (ok // { updates.enable = true; }) // { nix.gc.automatic = true; }) [ "nix.gc.automatic and services.nixen.updates.gc.enable" ];
  mount-name = case (with' (ok // { mounts."a b" = { type = "nfs"; server = "n"; share = "/x"; }; })) [ "services.nixen.mounts.\"a b\"" ];
  mount-dash = case (with' (ok // { mounts.a = { type = "nfs"; server = "-n"; share = "/x"; }; })) [ "services.nixen.mounts: a server's name does not begin with a dash" ];
  mount-nfs-password = case (with' (ok // { mounts.a = { type = "nfs"; server = "n"; share = "/x"; credentialsFile = "/run/s"; }; })) [ "services.nixen.mounts.a.credentialsFile is for SMB" ];
  mount-store = case (with' (ok // { mounts.a = { type = "smb"; server = "n"; share = "x"; credentialsFile = "/nix/store/00000000000000000000000000000000-s"; }; })) [ "services.nixen.mounts.a.credentialsFile is /nix/store/" ];
  nixoa = case (with' ok // {
    systemSettings = {
      hostname = "nixoa";
      sshKeys = [ "x" ];
      xo.httpsPort = 443;
      updates.xoa.schedule = "Tue 04:00";
      something = 1;
    };
    userSettings.extras.enable = true;
  }) [
    "systemSettings.hostname is an option of NiXOA. In Nixen: networking.hostName."
    "systemSettings.xo.httpsPort is an option of NiXOA. In Nixen: services.nixen.settings.server.port."
    "systemSettings.updates.xoa.schedule is an option of NiXOA. In Nixen: services.nixen.updates.nixen.schedule."
    "systemSettings.something is an option of NiXOA. In Nixen: services.nixen and the options of NixOS."
    "userSettings.extras.enable"
    "docs/guide/from-nixoa.md"
  ];
}
