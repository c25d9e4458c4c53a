# File systems of others for repositories. systemd mounts them when they are first used and lets go of them when they are not; the server is an
# ordinary user that sees a directory. It may ask systemd to try these units, and only these, again: no sudo, no setuid program, no server that is
# root.
{ config, lib, ... }:
let
  inherit (lib) mkOption types;
  cfg = config.services.nixen;
  nixen = import ../../lib { inherit lib; };
  mounts = lib.attrValues cfg.mounts;
  ofType = type: lib.any (mount: mount.type == type) mounts;
  source = mount: if mount.type == "nfs" then "${mount.server}:${mount.share}" else "//${mount.server}/${lib.removePrefix "/" mount.share}";
  options =
    mount:
    [
      "nosuid"
      "nodev"
      "noexec"
    ]
    ++ lib.optional mount.readOnly "ro"
    ++ (
      if mount.type == "nfs" then
        # A write that the server has not taken is tried until it has; an answer that does not come ends with an error, never with lost data.
        [
          "hard"
          "vers=4.2"
        ]
      else
        [
          "uid=nixen"
          "gid=nixen"
          "file_mode=0600"
          "dir_mode=0700"
          "vers=3.1.1"
        ]
        ++ (if mount.credentialsFile == null then [ "guest" ] else [ "credentials=${toString mount.credentialsFile}" ])
    )
    ++ mount.options;
  unit = mount: "${nixen.unitName.ofPath mount.path}.mount";
in
{
  options.services.nixen.mounts = mkOption {
    default = { };
    example = lib.literalExpression ''
      {
        nas = { type = "nfs"; server = "nas.example.net"; share = "/export/backup"; };
        office = { type = "smb"; server = "files.example.net"; share = "backup"; credentialsFile = "/run/secrets/smb"; };
      }
    '';
    description = "NFS and SMB shares for repositories, each at `/mnt/nixen/NAME`: make a repository of the console there.";
    type = types.attrsOf (
      types.submodule (
        { name, ... }:
        {
          options = {
            type = mkOption {
              type = types.enum [
                "nfs"
                "smb"
              ];
              description = "Protocol of the share.";
            };
            server = mkOption {
              type = types.strMatching "[][A-Za-z0-9.:_-]+";
              example = "nas.example.net";
              description = "Name or address of the machine that has it.";
            };
            share = mkOption {
              type = types.strMatching "[^,[:space:]]+";
              example = "/export/backup";
              description = "Path (NFS) or name (SMB) of the share.";
            };
            credentialsFile = mkOption {
              type = types.nullOr types.path;
              default = null;
              example = "/run/secrets/smb";
              description = "For SMB: file with the lines `username=`, `password=` and `domain=`, that only root reads. As a guest when null.";
            };
            readOnly = mkOption {
              type = types.bool;
              default = false;
              description = "Whether nothing may be written to it.";
            };
            options = mkOption {
              type = types.listOf (types.strMatching "[^,[:space:]]+");
              default = [ ];
              example = [ "nconnect=4" ];
              description = "More options of mount(8). They come last, so they win.";
            };
            idleTimeout = mkOption {
              type = types.str;
              default = "10min";
              description = "Let go of it when it was not used for so long; `0` never does.";
            };
            path = mkOption {
              type = types.str;
              readOnly = true;
              default = "/mnt/nixen/${name}";
              description = "Where it is.";
            };
          };
        }
      )
    );
  };

  config = lib.mkIf (cfg.enable && cfg.mounts != { }) {
    boot.supportedFilesystems = lib.optional (ofType "nfs") "nfs" ++ lib.optional (ofType "smb") "cifs";

    systemd.mounts = map (mount: {
      description = "Nixen: ${source mount}";
      what = source mount;
      where = mount.path;
      type = if mount.type == "nfs" then "nfs" else "cifs";
      options = lib.concatStringsSep "," (options mount);
      mountConfig.TimeoutSec = "30s";
      wants = [ "network-online.target" ];
      after = [ "network-online.target" ];
    }) mounts;

    systemd.automounts = map (mount: {
      description = "Nixen: ${source mount}, when it is used";
      where = mount.path;
      automountConfig.TimeoutIdleSec = mount.idleTimeout;
      wantedBy = [ "multi-user.target" ];
    }) mounts;

    systemd.services.nixen = {
      # Mounts that come later are seen by the service, too; without the automount points there would be plain directories to write to.
      after = map (mount: "${nixen.unitName.ofPath mount.path}.automount") mounts;
      requires = map (mount: "${nixen.unitName.ofPath mount.path}.automount") mounts;
      serviceConfig.ReadWritePaths = [ "/mnt/nixen" ];
    };

    systemd.tmpfiles.rules = [ "d /mnt/nixen 0755 root root -" ];

    security.polkit.enable = true;
    security.polkit.extraConfig = ''
      // Nixen's service may start, stop and restart the mounts of services.nixen.mounts: nothing else.
      polkit.addRule(function (action, subject) {
        var units = ${builtins.toJSON (map unit mounts)};
        var verbs = ["start", "stop", "restart", "reset-failed"];
        if (action.id === "org.freedesktop.systemd1.manage-units" && subject.user === "nixen"
            && units.indexOf(action.lookup("unit")) >= 0 && verbs.indexOf(action.lookup("verb")) >= 0) {
          return polkit.Result.YES;
        }
      });
    '';
  };
}
