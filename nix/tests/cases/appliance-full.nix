# Everything that is not in the way of something else.
{
  module = "appliance";
  config = {
    networking.hostName = "nixen";
    services.nixen = {
      enable = true;
      configurationVersion = 1;
      appliance = {
        enable = true;
        adminUser = "ops";
        sshKeys = [ "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFixed ops@example.net" ];
        journalSize = "500M";
      };
      settings = {
        server.public_url = "https://nixen.example.net";
        server.trusted_proxies = [
          "10.0.0.1"
          "fd00::/8"
        ];
        session.idle = "4h";
        transfer.allowed_hosts = [ "*.example.net" ];
        log.level = "warn";
      };
      tls = {
        mode = "acme";
        acme.domain = "nixen.example.net";
        acme.email = "admin@example.net";
        acme.dnsProvider = "cloudflare";
        acme.environmentFile = "/run/secrets/dns";
      };
      redirect.enable = true;
      memory.heap = 4096;
      memory.max = "8G";
      extraEnvironment.HTTPS_PROXY = "http://proxy.example.net:3128";
      credentials.extra = "/run/secrets/extra";
      mounts = {
        nas-1 = {
          type = "nfs";
          server = "nas.example.net";
          share = "/export/backup";
          options = [ "nconnect=4" ];
        };
        office = {
          type = "smb";
          server = "files.example.net";
          share = "backup";
          credentialsFile = "/run/secrets/smb";
          readOnly = true;
        };
      };
      database.type = "postgresql";
      stateBackup.directory = "/mnt/nixen/nas-1/state";
      prometheus.enable = true;
      prometheus.tokenFile = "/run/secrets/metrics";
      updates = {
        enable = true;
        flake = "/home/ops/config";
        keepGenerations = 5;
        nixpkgs.keepGenerations = 3;
        inputs.enable = false;
        notify = {
          on = "always";
          ntfy.url = "https://ntfy.sh/nixen";
          ntfy.tokenFile = "/run/secrets/ntfy";
          webhook.url = "https://hooks.example.net/nixen";
          webhook.secretFile = "/run/secrets/hook";
          email.to = [ "admin@example.net" ];
        };
      };
    };
  };
  values = config: {
    ports = config.networking.firewall.allowedTCPPorts;
    polkit = config.security.polkit.extraConfig;
    filesystems = builtins.attrNames config.boot.supportedFilesystems;
    scrape = config.services.prometheus.scrapeConfigs;
    tmpfiles = config.systemd.tmpfiles.rules;
    certificate = config.security.acme.certs."nixen.example.net";
    journald = config.environment.etc."systemd/journald.conf.d/nixen.conf".text;
    preSwitch = config.system.preSwitchChecks.nixen;
  };
}
