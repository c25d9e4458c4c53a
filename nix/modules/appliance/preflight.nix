# Looked at on the machine itself, before anything of it is changed: files that must be there, ports that must be free.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  cfg = config.services.nixen;
  nixen = import ../../lib { inherit lib; };
  name = "services.nixen";
  port = if cfg.settings.server.port == null then nixen.settings.specs."server.port".default else cfg.settings.server.port;
  files = lib.filterAttrs (_: file: file != null) (
    {
      "${name}.database.urlFile" = cfg.database.urlFile;
      "${name}.updates.notify.ntfy.tokenFile" = cfg.updates.notify.ntfy.tokenFile;
      "${name}.updates.notify.webhook.secretFile" = cfg.updates.notify.webhook.secretFile;
    }
    // lib.optionalAttrs (cfg.tls.mode == "files") {
      "${name}.tls.certificateFile" = cfg.tls.certificateFile;
      "${name}.tls.keyFile" = cfg.tls.keyFile;
    }
    // lib.mapAttrs' (
      key: mount: lib.nameValuePair "${name}.mounts.${key}.credentialsFile" mount.credentialsFile
    ) cfg.mounts
  );
  ports = {
    "${name}.settings.server.port" = port;
  }
  // lib.optionalAttrs cfg.redirect.enable { "${name}.redirect.port" = cfg.redirect.port; };
  lines = set: lib.concatLines (lib.mapAttrsToList (option: value: "${option} ${toString value}") set);
in
{
  config = lib.mkIf cfg.enable {
    system.preSwitchChecks.nixen = ''
      export PATH=${
        lib.concatMapStringsSep ":" (package: "${package}/bin") [
          pkgs.coreutils
          pkgs.gnugrep
          pkgs.iproute2
          pkgs.systemd
        ]
      }
      export NIXEN_FILES=${lib.escapeShellArg (lines files)}
      export NIXEN_PORTS=${lib.escapeShellArg (lines ports)}
      ${lib.getExe pkgs.bash} ${../../scripts/pre-switch.sh}
    '';
  };
}
