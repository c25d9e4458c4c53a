# The modules, each usable alone. The package comes with them, by the overlay, so that `services.nixen.enable = true` is all that is needed.
{ inputs }:
let
  withPackage = module: {
    imports = [ module ];
    nixpkgs.overlays = [ (import ../overlay.nix) ];
  };
in
{
  default = withPackage ../modules/appliance;
  appliance = withPackage ../modules/appliance;
  host = withPackage ../modules/host;
  guest = ../modules/guest;
  # What Nixen reuses, at the revision that it is tested with.
  disko = inputs.disko.nixosModules.disko;
  impermanence = inputs.impermanence.nixosModules.impermanence;
  lanzaboote = inputs.lanzaboote.nixosModules.lanzaboote;
  # The disk of an appliance, for the installer: one GPT disk, ESP and root.
  disk-appliance = ../modules/appliance/disk.nix;
}
