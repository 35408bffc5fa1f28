# in core.c
# A runner without users does not run.
/^struct shs_attachment \*shs_att_live/,/^}/ s/shs_mm_is_gone\(att\)/false/
