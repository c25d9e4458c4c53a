{ nixpkgs, system }:
import nixpkgs {
  inherit system;
  overlays = [ (import ../overlay.nix) ];
}
