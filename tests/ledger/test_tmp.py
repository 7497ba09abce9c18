import time
from lienthong.ledger import *
from lienthong.segment import Segment
def test_x(database, statement, signer, trust):
    L=Ledger(database)
    for k in range(2):
        w,c=time.perf_counter(),time.process_time()
        for i in range(300): L.append(statement(i,of=300,counts={"k":k}),signer)
        print(database.dialect,"append/s wall",300/(time.perf_counter()-w),"cpu",300/(time.process_time()-c))
    w=time.perf_counter(); L.check(trust); print("check/s",600/(time.perf_counter()-w))
    j=Journal(database); j.open_run("x","r1",digest="d")
    it=[Intent(f"{n:064x}", Segment(f"{n:064x}", f"{n + 1:064x}", 4, 99), 0, n) for n in range(200)]
    w=time.perf_counter(); j.intend("x","r1","m",it); print("intend 200 ms",1000*(time.perf_counter()-w))
    w=time.perf_counter(); 
    for i in range(100): j.sent(f"{i:064x}"); j.answered(f"{i:064x}","acknowledged",total=4)
    print("deliveries/s",100/(time.perf_counter()-w))
