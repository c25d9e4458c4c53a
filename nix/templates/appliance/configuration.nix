# What most people set. All options: docs/reference/nixos-options.md of Nixen.
{
  networking.hostName = "@HOST@";
  time.timeZone = "UTC";
  system.stateVersion = "@RELEASE@";

  boot.loader.systemd-boot.enable = true;
  boot.loader.efi.canTouchEfiVariables = true;

  services.nixen = {
    enable = true;
    configurationVersion = 1;

    # The console on 443, SSH with keys only, a firewall, a journal with a limit.
    appliance = {
      enable = true;
      adminUser = "admin";
      sshKeys = [ "@SSH_KEY@" ];
    };

    # "self-signed", "files" (certificateFile, keyFile) or "acme" (acme.domain, acme.email).
    tls.mode = "self-signed";

    # Settings of the server; nixen.toml beside this file, if there is one, is the same in TOML.
    settings =
      if builtins.pathExists ./nixen.toml then builtins.fromTOML (builtins.readFile ./nixen.toml) else { };

    # Shares for repositories, each at /mnt/nixen/NAME.
    mounts = {
      # nas = { type = "nfs"; server = "nas.example.net"; share = "/export/backup"; };
      # office = { type = "smb"; server = "files.example.net"; share = "backup"; credentialsFile = "/etc/nixen/smb"; };
    };

    # Every update is built, tried, and kept only if Nixen answers then.
    updates = {
      enable = true;
      flake = "@FOLDER@";
      keepGenerations = 7;
      # notify.ntfy.url = "https://ntfy.sh/…";
      # notify.email.to = [ "admin@example.net" ];
    };
  };
}
