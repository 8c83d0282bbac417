"""Windows → detections → incidents: the incidents worker."""
