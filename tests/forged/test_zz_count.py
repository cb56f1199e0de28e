import time
from tests.forged.test_every_lie import *
from tests.forged.test_every_lie import _values_for, _found
def test_count(liar, shown):
    n=0; t0=time.process_time(); w=0
    for s in SCENES:
        ps=list(liar(s).places()); n+=sum(len(_values_for(p)) for p in ps); w+=len(ps)
    t1=time.process_time(); k=0
    for i in range(40):
        s=list(SCENES)[i%len(SCENES)]; p=list(liar(s).places()); p=p[(i*7)%len(p)]; v=_values_for(p); v=v[(i*5)%len(v)]
        _found(s,liar,shown,p,v,WAYS[i%5]); k+=1
    print("COUNT",len(SCENES),w,n,"record",t1-t0,"each",(time.process_time()-t1)/k)
