"""lv: one logical volume, active."""
