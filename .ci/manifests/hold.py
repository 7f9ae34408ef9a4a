"""Holds rendered manifests to what no schema says."""
