{ config, lib, ... }:
let
  inherit (lib) mkOption types;
  cfg = config.services.nixen;
  given = "/run/credentials/nixen.service";
  acme = "/var/lib/acme/${cfg.tls.acme.domain}";
  files = {
    files = {
      certificate = cfg.tls.certificateFile;
      key = cfg.tls.keyFile;
    };
    acme = {
      certificate = "${acme}/fullchain.pem";
      key = "${acme}/key.pem";
    };
  };
in
{
  options.services.nixen.tls = {
    mode = mkOption {
      type = types.enum [
        "self-signed"
        "files"
        "acme"
        "off"
      ];
      default = "self-signed";
      description = ''
        `self-signed`: the server makes a certificate, and renews it; its fingerprint is in the journal. `files`: your own. `acme`: from an authority
        such as Let's Encrypt, by {option}`security.acme`. `off`: plain HTTP, for a proxy on the same machine.
      '';
    };
    names = mkOption {
      type = types.listOf types.str;
      default = [ ];
      example = [ "nixen.example.net" ];
      description = "More names and addresses for the certificate that the server makes.";
    };
    certificateFile = mkOption {
      type = types.nullOr types.path;
      default = null;
      example = "/etc/nixen/certificate.pem";
      description = "PEM file of the certificate and those that signed it, for the mode `files`. The server gets a copy by systemd; it needs no right to read it.";
    };
    keyFile = mkOption {
      type = types.nullOr types.path;
      default = null;
      example = "/etc/nixen/key.pem";
      description = "PEM file of the private key, for the mode `files`. Write it as text, in quotes: a bare path would be copied to the store, where everybody can read it.";
    };
    acme.domain = mkOption {
      type = types.nullOr types.str;
      default = null;
      example = "nixen.example.net";
      description = "Name that the certificate is for.";
    };
    acme.email = mkOption {
      type = types.nullOr types.str;
      default = null;
      example = "admin@example.net";
      description = "Address that the authority writes to; {option}`security.acme.defaults.email` when null.";
    };
    acme.dnsProvider = mkOption {
      type = types.nullOr types.str;
      default = null;
      example = "cloudflare";
      description = "Prove the name by a DNS record (a name of lego's) rather than on port 80, for machines that the Internet does not reach.";
    };
    acme.environmentFile = mkOption {
      type = types.nullOr types.path;
      default = null;
      example = "/run/secrets/dns-token";
      description = "Variables for the DNS provider.";
    };
  };

  config = lib.mkIf cfg.enable (
    lib.mkMerge [
      (lib.mkIf (cfg.tls.mode == "self-signed") {
        services.nixen.settings.tls.mode = "self-signed";
        services.nixen.settings.tls.names = lib.mkIf (cfg.tls.names != [ ]) cfg.tls.names;
      })
      (lib.mkIf (cfg.tls.mode == "off") { services.nixen.settings.tls.mode = "off"; })
      (lib.mkIf (cfg.tls.mode == "files" || cfg.tls.mode == "acme") {
        services.nixen.settings.tls = {
          mode = "own";
          certificate = "${given}/tls-certificate";
          key = "${given}/tls-key";
        };
        services.nixen.credentials = lib.filterAttrs (_: file: file != null) {
          "tls-certificate" = files.${cfg.tls.mode}.certificate;
          "tls-key" = files.${cfg.tls.mode}.key;
        };
      })
      (lib.mkIf (cfg.tls.mode == "files") {
        systemd.services.nixen.unitConfig.AssertPathExists = lib.filter (file: file != null) [
          cfg.tls.certificateFile
          cfg.tls.keyFile
        ];
      })
      (lib.mkIf (cfg.tls.mode == "acme" && cfg.tls.acme.domain != null) {
        security.acme.acceptTerms = lib.mkDefault true;
        security.acme.certs.${cfg.tls.acme.domain} = {
          email = lib.mkIf (cfg.tls.acme.email != null) cfg.tls.acme.email;
          # A new certificate is a new copy for the service.
          reloadServices = [ "nixen.service" ];
          dnsProvider = lib.mkIf (cfg.tls.acme.dnsProvider != null) cfg.tls.acme.dnsProvider;
          environmentFile = lib.mkIf (cfg.tls.acme.environmentFile != null) cfg.tls.acme.environmentFile;
          listenHTTP = lib.mkIf (cfg.tls.acme.dnsProvider == null) ":80";
        };
        networking.firewall.allowedTCPPorts = lib.mkIf (cfg.openFirewall && cfg.tls.acme.dnsProvider == null) [ 80 ];
        systemd.services.nixen = {
          wants = [ "acme-${cfg.tls.acme.domain}.service" ];
          after = [ "acme-${cfg.tls.acme.domain}.service" ];
        };
      })
    ]
  );
}
