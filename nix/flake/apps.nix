# nix run .#install | apply | diff | history | update: the scripts of nix/scripts, with what they call.
{
  pkgs,
  lib,
  self,
}:
let
  script =
    name: description: tools:
    {
      type = "app";
      meta = { inherit description; };
      program = lib.getExe (
        pkgs.writeShellApplication {
          name = "nixen-${name}";
          runtimeInputs = [ pkgs.coreutils pkgs.diffutils pkgs.gnugrep pkgs.git ] ++ tools;
          # The files are shell as they are, with their own `set`; tests run them without Nix.
          text = ''
            export NIXEN_TEMPLATE=''${NIXEN_TEMPLATE:-${../templates/appliance}}
            exec ${pkgs.bash}/bin/bash ${../scripts}/${name}.sh "$@"
          '';
        }
      );
    };
in
{
  default = {
    type = "app";
    meta.description = "The nixen command";
    program = lib.getExe self.packages.${pkgs.stdenv.hostPlatform.system}.nixen;
  };
  install = script "install" "Make a user's configuration, show it, and switch to it after asking" [ pkgs.nix ];
  apply = script "apply" "Build, show what changes, ask, commit and switch" [ pkgs.nix ];
  diff = script "diff" "What the configuration would change on this machine" [ pkgs.nix ];
  history = script "history" "Commits of the configuration, and generations of the system" [ ];
}
