{
  description = "Nixen: virtual machines on Xen and KVM hosts, and their backups";

  inputs = {
    nixpkgs.url = "github:NixOS/nixpkgs/nixos-unstable";
    # For installers and hosts; nothing of them is evaluated unless it is used.
    disko.url = "github:nix-community/disko";
    disko.inputs.nixpkgs.follows = "nixpkgs";
    impermanence.url = "github:nix-community/impermanence";
    lanzaboote.url = "github:nix-community/lanzaboote";
    lanzaboote.inputs.nixpkgs.follows = "nixpkgs";
  };

  outputs =
    inputs@{ self, nixpkgs, ... }:
    let
      inherit (nixpkgs) lib;
      systems = [
        "x86_64-linux"
        "aarch64-linux"
      ];
      each = f: lib.genAttrs systems (system: f (import ./nix/flake/pkgs.nix { inherit nixpkgs system; }));
    in
    {
      overlays.default = import ./nix/overlay.nix;

      packages = each (pkgs: {
        inherit (pkgs) nixen;
        default = pkgs.nixen;
      });

      nixosModules = import ./nix/flake/modules.nix { inherit inputs; };

      lib = import ./nix/lib { inherit lib; };

      apps = each (pkgs: import ./nix/flake/apps.nix { inherit pkgs lib self; });

      devShells = each (pkgs: import ./nix/flake/shells.nix { inherit pkgs; });

      checks = each (pkgs: import ./nix/checks { inherit pkgs lib self; });

      formatter = each (pkgs: pkgs.nixfmt-tree or pkgs.nixfmt-rfc-style);

      templates = {
        default = self.templates.appliance;
        appliance = {
          path = ./nix/templates/appliance;
          description = "A machine that runs Nixen: one file with the options that most people set";
        };
        host = {
          path = ./nix/templates/host;
          description = "A KVM host or a Xen dom0 with declared guests";
        };
      };
    };
}
