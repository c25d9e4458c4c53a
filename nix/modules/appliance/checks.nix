# What would not work, or would lock somebody out, is found before anything is built. Each message names the option and the way out.
{ config, lib, ... }:
let
  cfg = config.services.nixen;
  nixen = import ../../lib { inherit lib; };
  port = if cfg.settings.server.port == null then nixen.settings.specs."server.port".default else cfg.settings.server.port;
  current = 1;
  name = "services.nixen";

  # Who else wants a port of TCP on this machine, by option.
  others =
    lib.optionals config.services.openssh.enable (
      map (each: {
        option = "services.openssh.ports";
        port = each;
      }) config.services.openssh.ports
    )
    ++ lib.optionals config.services.nginx.enable [
      {
        option = "services.nginx.defaultHTTPListenPort";
        port = config.services.nginx.defaultHTTPListenPort;
      }
      {
        option = "services.nginx.defaultSSLListenPort";
        port = config.services.nginx.defaultSSLListenPort;
      }
    ]
    ++ lib.optionals config.services.caddy.enable [
      {
        option = "services.caddy.enable (it listens on 80)";
        port = 80;
      }
      {
        option = "services.caddy.enable (it listens on 443)";
        port = 443;
      }
    ]
    ++ lib.optional config.services.prometheus.enable {
      option = "services.prometheus.port";
      inherit (config.services.prometheus) port;
    };
  own = [
    {
      option = "${name}.settings.server.port";
      inherit port;
    }
  ]
  ++ lib.optional cfg.redirect.enable {
    option = "${name}.redirect.port";
    inherit (cfg.redirect) port;
  }
  ++ lib.optional (cfg.tls.mode == "acme" && cfg.tls.acme.dnsProvider == null) {
    option = "${name}.tls.mode = \"acme\" (the authority asks on port 80)";
    port = 80;
  };
  clashes = lib.concatLists (
    lib.imap0 (
      index: mine:
      map (other: {
        assertion = other.port != mine.port || mine.port == 0;
        message = "${mine.option} and ${other.option} both want port ${toString mine.port}. Give one of them another port.";
      }) (others ++ lib.filter (other: other.option != mine.option) (lib.concatLists (lib.imap0 (n: each: lib.optional (n < index) each) own)))
    ) own
  );

  # A path of Nix (not text) is copied to the store.
  inStore = file: file != null && (lib.hasPrefix builtins.storeDir (toString file) || lib.hasPrefix "/nix/store/" (toString file));
  secretFiles = {
    "${name}.tls.keyFile" = cfg.tls.keyFile;
    "${name}.database.urlFile" = cfg.database.urlFile;
    "${name}.prometheus.tokenFile" = cfg.prometheus.tokenFile;
    "${name}.updates.notify.ntfy.tokenFile" = cfg.updates.notify.ntfy.tokenFile;
    "${name}.updates.notify.webhook.secretFile" = cfg.updates.notify.webhook.secretFile;
  }
  // lib.mapAttrs' (
    key: mount: lib.nameValuePair "${name}.mounts.${key}.credentialsFile" mount.credentialsFile
  ) cfg.mounts;
  hasKeys = config.users.users.${cfg.appliance.adminUser}.openssh.authorizedKeys;
in
{
  config = lib.mkIf cfg.enable {
    assertions =
      [
        {
          assertion = cfg.configurationVersion == null || cfg.configurationVersion == current;
          message =
            "${name}.configurationVersion is ${toString cfg.configurationVersion}, and this version of Nixen reads ${toString current}. "
            + (
              if cfg.configurationVersion != null && cfg.configurationVersion < current then
                "Change what docs/guide/nixos.md says for each version in between, then set it to ${toString current}."
              else
                "The configuration is for a newer Nixen: update the input `nixen` of your flake (nix flake update nixen)."
            );
        }
        {
          assertion = !cfg.appliance.enable || hasKeys.keys != [ ] || hasKeys.keyFiles != [ ];
          message = "${name}.appliance.sshKeys is empty, so that nobody could log in to this machine. Write your public key there: the line of ~/.ssh/id_ed25519.pub.";
        }
        {
          assertion = !cfg.appliance.enable || lib.all (key: builtins.match ".*PRIVATE KEY.*" key == null) cfg.appliance.sshKeys;
          message = "${name}.appliance.sshKeys holds a private key. Take it out, make a new pair, and write the public one (the file that ends in .pub).";
        }
        {
          assertion = cfg.tls.mode != "files" || (cfg.tls.certificateFile != null && cfg.tls.keyFile != null);
          message = "${name}.tls.mode is \"files\": set ${name}.tls.certificateFile and ${name}.tls.keyFile, or choose \"self-signed\" or \"acme\".";
        }
        {
          assertion = cfg.tls.mode != "acme" || cfg.tls.acme.domain != null;
          message = "${name}.tls.mode is \"acme\": set ${name}.tls.acme.domain to the name that the certificate is for.";
        }
        {
          assertion =
            cfg.tls.mode != "acme" || cfg.tls.acme.email != null || config.security.acme.defaults.email != null;
          message = "${name}.tls.mode is \"acme\": set ${name}.tls.acme.email, which the authority writes to before a certificate ends.";
        }
        {
          assertion = !(cfg.tls.mode == "off" && cfg.openFirewall);
          message = "${name}.tls.mode is \"off\" and ${name}.openFirewall is set: passwords would cross the network in plain text. Keep TLS, or leave the firewall closed and put a proxy on this machine before it.";
        }
        {
          assertion = !(cfg.redirect.enable && cfg.tls.mode == "off");
          message = "${name}.redirect.enable sends people to HTTPS, and ${name}.tls.mode is \"off\". Unset one of them.";
        }
        {
          assertion = cfg.database.type == "postgresql" || cfg.database.urlFile == null;
          message = "${name}.database.urlFile is set and ${name}.database.type is \"sqlite\". Set the type to \"postgresql\", or remove the file.";
        }
        {
          assertion = cfg.database.type != "postgresql" || cfg.database.createLocally != (cfg.database.urlFile != null);
          message = "${name}.database: either createLocally or urlFile says where the database is, not both and not neither.";
        }
        {
          assertion = !(cfg.stateBackup.enable && cfg.database.urlFile != null);
          message = "${name}.stateBackup.enable cannot copy a database that is elsewhere (${name}.database.urlFile): back it up where it is, together with /var/lib/nixen/keys, and unset this.";
        }
        {
          assertion = !(cfg.updates.snapshot && cfg.updates.enable && !cfg.stateBackup.enable);
          message = "${name}.updates.snapshot needs ${name}.stateBackup.enable, whose copy it makes. Set that, or unset the snapshot.";
        }
        {
          assertion = !cfg.prometheus.enable || cfg.prometheus.tokenFile != null;
          message = "${name}.prometheus.tokenFile is not set: metrics are only for those who may read. Make a token with: nixen token create prometheus --grants 'actions=*:read'";
        }
        {
          assertion = !(cfg.updates.enable && config.nix.gc.automatic && cfg.updates.gc.enable);
          message = "nix.gc.automatic and ${name}.updates.gc.enable both remove generations, and the first knows nothing of the last good one. Unset one of them.";
        }
        {
          assertion = lib.all (mount: !(lib.hasPrefix "-" mount.server)) (lib.attrValues cfg.mounts);
          message = "${name}.mounts: a server's name does not begin with a dash.";
        }
      ]
      ++ lib.mapAttrsToList (key: _: {
        assertion = builtins.match "[a-zA-Z0-9][a-zA-Z0-9_.-]*" key != null;
        message = "${name}.mounts.\"${key}\": the name becomes a directory. Use letters, digits, dots, dashes and underscores, with a letter or digit first.";
      }) cfg.mounts
      ++ lib.mapAttrsToList (key: mount: {
        assertion = mount.type == "smb" || mount.credentialsFile == null;
        message = "${name}.mounts.${key}.credentialsFile is for SMB; NFS asks for no password. Remove it.";
      }) cfg.mounts
      ++ lib.mapAttrsToList (option: file: {
        assertion = !(inStore file);
        message = "${option} is ${toString file}, in the Nix store, where everybody can read it. Write the path as text, in quotes, and put the file there by other means (sops-nix, agenix, by hand).";
      }) secretFiles
      ++ map (message: {
        assertion = false;
        inherit message;
      }) (nixen.settings.unknown "${name}.settings" cfg.settings)
      ++ map (text: {
        assertion = false;
        message = "${text}Use ${name}.database.urlFile in its place.";
      }) (nixen.settings.secrets "${name}.settings" cfg.settings)
      ++ clashes;

    warnings =
      lib.optional (cfg.updates.enable && cfg.updates.health.timeout < 30)
        "${name}.updates.health.timeout is ${toString cfg.updates.health.timeout} s: a server that starts slowly would be taken for one that does not."
      ++ lib.optional (cfg.configurationVersion == null)
        "${name}.configurationVersion is not set. Set it to ${toString current}, so that a later Nixen can tell what the configuration is written for.";
  };
}
