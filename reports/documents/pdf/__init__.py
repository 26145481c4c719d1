"""Reports as PDF, drawn on the canvas of ReportLab."""
