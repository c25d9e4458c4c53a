{
  description = "The appliance @HOST@";

  inputs = {
    nixpkgs.url = "github:NixOS/nixpkgs/nixos-unstable";
    # Where Nixen comes from: a git repository that you trust, for example "git+https://git.example.net/nixen".
    nixen.url = "@NIXEN@";
    nixen.inputs.nixpkgs.follows = "nixpkgs";
  };

  outputs =
    { nixpkgs, nixen, ... }:
    {
      nixosConfigurations."@HOST@" = nixpkgs.lib.nixosSystem {
        system = "x86_64-linux";
        modules = [
          nixen.nixosModules.appliance
          ./configuration.nix
          ./hardware-configuration.nix
        ];
      };

      # nix run .#apply, .#diff, .#history
      inherit (nixen) apps;
    };
}
