{
  config,
  lib,
  pkgs,
  ...
}:
let
  inherit (lib) mkOption types;
  cfg = config.services.nixen;
in
{
  options.services.nixen.database = {
    type = mkOption {
      type = types.enum [
        "sqlite"
        "postgresql"
      ];
      default = "sqlite";
      description = "Where the state is kept: a file in the state directory, or a PostgreSQL database. What is kept already is not moved.";
    };
    createLocally = mkOption {
      type = types.bool;
      default = cfg.database.urlFile == null;
      defaultText = lib.literalExpression "services.nixen.database.urlFile == null";
      description = "For PostgreSQL: whether to run one on this machine, with a database and a user `nixen` that log in by the unix socket, without a password.";
    };
    urlFile = mkOption {
      type = types.nullOr types.path;
      default = null;
      example = "/run/secrets/nixen-database-url";
      description = "For a PostgreSQL elsewhere: file with its address, `postgres://nixen:PASSWORD@db.example.net/nixen`, that only root reads.";
    };
  };

  config = lib.mkIf (cfg.enable && cfg.database.type == "postgresql") (
    lib.mkMerge [
      (lib.mkIf cfg.database.createLocally {
        services.postgresql = {
          enable = true;
          ensureDatabases = [ "nixen" ];
          ensureUsers = [
            {
              name = "nixen";
              ensureDBOwnership = true;
            }
          ];
        };
        systemd.services.nixen = {
          requires = [ "postgresql.target" ];
          after = [ "postgresql.target" ];
          environment.NIXEN_DATABASE_URL = "postgres://nixen@localhost/nixen?host=/run/postgresql";
        };
      })
      (lib.mkIf (cfg.database.urlFile != null) {
        services.nixen.credentials."database-url" = cfg.database.urlFile;
        systemd.services.nixen.serviceConfig.ExecStart =
          let
            start = pkgs.writeShellScript "nixen-start" ''
              # Out of the credential into the environment of the server alone.
              NIXEN_DATABASE_URL=$(cat "$CREDENTIALS_DIRECTORY/database-url")
              export NIXEN_DATABASE_URL
              exec ${lib.getExe cfg.package} serve --config ${cfg.configFile}
            '';
          in
          "${start}";
        systemd.services.nixen.path = [ pkgs.coreutils ];
      })
    ]
  );
}
